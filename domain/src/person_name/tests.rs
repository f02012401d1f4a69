use super::*;
use proptest::prelude::*;

const CASES: &str = include_str!("../../../tests/data/names.csv");

#[test]
fn labelled_names_are_split() {
    let mut reader = csv::Reader::from_reader(CASES.as_bytes());
    let (mut total, mut wrong) = (0_u32, Vec::new());
    for row in reader.records() {
        let row = row.unwrap();
        let part = |at: usize| (!row[at].is_empty()).then(|| row[at].to_owned());
        let wanted = PersonName { last: part(1), first: part(2), middle: part(3) };
        let got = split(&row[0]);
        total += 1;
        if got != wanted {
            let shown = |name: &PersonName| [&name.last, &name.first, &name.middle].map(|p| p.clone().unwrap_or_default()).join("|");
            wrong.push(format!("{:?}: wanted {}, got {}", &row[0], shown(&wanted), shown(&got)));
        }
    }
    assert!(total >= 520, "{total} rows");
    let right = f64::from(total - u32::try_from(wrong.len()).unwrap()) / f64::from(total);
    println!("names: {right:.4} of {total} rows\n{}", wrong.join("\n"));
    assert!(right >= 0.97, "{right:.4} of {total}:\n{}", wrong.join("\n"));
}

#[test]
fn a_name_is_shown_in_the_order_of_its_script() {
    assert_eq!(display(&split("Иван Иванович Иванов")), "Иванов Иван Иванович");
    assert_eq!(display(&split("Smith, John Michael")), "John Michael Smith");
    assert_eq!(display(&split("оля")), "Оля");
    assert_eq!(display(&PersonName::default()), "");
}

proptest! {
    #[test]
    fn no_string_panics(typed in any::<String>()) {
        let name = split(&typed);
        prop_assert_ne!(name.last.as_deref(), Some(""));
        prop_assert_ne!(name.first.as_deref(), Some(""));
        prop_assert_ne!(name.middle.as_deref(), Some(""));
        let _ = display(&name);
    }

    #[test]
    fn no_letters_are_invented(typed in "([А-Яа-яA-Za-z]{1,8}[ .,'-]{1,2}){0,6}") {
        let letters = |s: &str| { let mut l: Vec<char> = s.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect(); l.sort_unstable(); l };
        let shown = letters(&display(&split(&typed)));
        // Titles and degrees may go.
        prop_assert!(shown.len() <= letters(&typed).len());
    }

    #[test]
    fn a_full_name_comes_back_from_what_is_shown(
        last in "(Иван|Петр|Кузнец)ов|(Шевч|Коваль)енко|Заболоцкий",
        first in "Иван|Олег|Тарас|Сергей|Никита",
        middle in "(Иван|Петр|Олег|Тарас)ович|Сергеевич|Ильич",
    ) {
        let name = PersonName { last: Some(last), first: Some(first), middle: Some(middle) };
        prop_assert_eq!(split(&display(&name)), name.clone());
        prop_assert_eq!(split(&display(&name).to_uppercase()), name);
    }
}
