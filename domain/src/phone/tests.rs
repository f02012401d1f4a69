use super::*;
use proptest::prelude::*;

const CASES: &str = include_str!("../../../tests/data/phones.csv");

fn e164(typed: &str, country: &str) -> Option<String> {
    parse(typed, country).ok().map(|phone| phone.e164)
}

#[test]
fn labelled_numbers_are_read() {
    let mut reader = csv::Reader::from_reader(CASES.as_bytes());
    let (mut total, mut wrong) = (0_u32, Vec::new());
    for row in reader.records() {
        let row = row.unwrap();
        let (typed, country) = (&row[0], &row[1]);
        let wanted =
            (!row[2].is_empty()).then(|| Phone { e164: row[2].to_owned(), extension: (!row[3].is_empty()).then(|| row[3].to_owned()) });
        let got = parse(typed, country).ok();
        total += 1;
        if got != wanted {
            wrong.push(format!("{typed:?} {country}: wanted {wanted:?}, got {got:?}"));
        }
    }
    assert!(total >= 320, "{total} rows");
    let right = f64::from(total - u32::try_from(wrong.len()).unwrap()) / f64::from(total);
    println!("phones: {right:.4} of {total} rows\n{}", wrong.join("\n"));
    assert!(right >= 0.99, "{right:.4} of {total}:\n{}", wrong.join("\n"));
}

#[test]
fn problems_are_told_apart() {
    assert_eq!(parse("", "RU"), Err(PhoneProblem::Empty));
    assert_eq!(parse(" \u{200B}\n", "RU"), Err(PhoneProblem::Empty));
    assert_eq!(parse("12", "RU"), Err(PhoneProblem::NotAPhone));
    assert_eq!(parse("test", "RU"), Err(PhoneProblem::NotAPhone));
    assert_eq!(parse(&"1".repeat(40), "RU"), Err(PhoneProblem::NotAPhone));
    assert_eq!(parse(&"1".repeat(101), "RU"), Err(PhoneProblem::TooLong));
    assert_eq!(parse("+79123456789", "").map(|phone| phone.e164).as_deref(), Ok("+79123456789"));
    assert_eq!(parse("89123456789", "??"), Err(PhoneProblem::NotAPhone));
}

#[test]
fn several_numbers_are_all_found() {
    let found = |typed: &str, country: &str| -> Vec<String> {
        let as_text = |phone: Phone| phone.e164 + &phone.extension.map_or(String::new(), |ext| format!("x{ext}"));
        parse_all(typed, country).into_iter().map(as_text).collect()
    };
    for typed in [
        "+79123456789, +79133456780",
        "8 912 345-67-89; 8 913 345-67-80",
        "89123456789/89133456780",
        "8 912 345 67 89 или 8 913 345 67 80",
        "8 912 345 67 89 or 8 913 345 67 80",
        "89123456789\n89133456780",
        "89123456789 89133456780",
        "8 912 345 67 89 8 913 345 67 80",
        "моб. 89123456789 раб. 89133456780",
        "+79123456789+79133456780",
        "89123456789, 89123456789, 89133456780",
        "7 912 345 67 89, 8 (913) 345.67.80",
    ] {
        assert_eq!(found(typed, "RU"), ["+79123456789", "+79133456780"], "{typed:?}");
    }
    assert_eq!(found("8 495 123-45-67 доб. 12, 8 812 123-45-67 доб. 034", "RU"), ["+74951234567x12", "+78121234567x034"]);
    assert_eq!(found("050 123 45 67 або 067 123 45 68", "UA"), ["+380501234567", "+380671234568"]);
    assert_eq!(found("нет", "RU"), [""; 0]);
    assert_eq!(found(&"89123456789,".repeat(1000), "RU"), ["+79123456789"]);
}

#[test]
fn digits_of_any_script_are_found() {
    assert_eq!(digits("+7 (９12) ٣٤٥-६७"), "791234567");
    assert_eq!(digits("нет"), "");
}

#[test]
fn warming_is_harmless() {
    warm();
}

/// A national number with its country, its calling code and its trunk prefix.
fn national() -> impl Strategy<Value = (String, &'static str, &'static str, &'static str)> {
    prop_oneof![
        "9[1268][0-9][1-9][0-9]{6}".prop_map(|n| (n, "RU", "7", "8")),
        "70[01257][0-9]{7}".prop_map(|n| (n, "KZ", "7", "8")),
        "(50|66|95|99|67|68|96|97|98|63|73|93)[0-9]{7}".prop_map(|n| (n, "UA", "380", "0")),
        "(29|33|44)[1-9][0-9]{6}".prop_map(|n| (n, "BY", "375", "80")),
        "415[2-9]([02-9][0-9]|[0-9][02-9])[0-9]{4}".prop_map(|n| (n, "US", "1", "1")),
        "151[1-7][0-9]{7}".prop_map(|n| (n, "DE", "49", "0")),
    ]
}

proptest! {
    #[test]
    fn no_string_panics(typed in any::<String>(), country in "[A-Za-z]{0,3}") {
        let _ = (parse(&typed, &country), parse_all(&typed, &country), digits(&typed));
    }

    #[test]
    fn no_number_like_string_panics(typed in "[+0-9 ()/,;x#доб.٣-]{0,60}", country in "RU|UA|US|DE|KZ|GB|IT|AR|MX|BR|CN") {
        for phone in parse_all(&typed, &country) {
            prop_assert!(phone.e164.len() <= 16 && phone.e164.starts_with('+'));
        }
    }

    #[test]
    fn parsing_twice_changes_nothing(typed in "[+]?[0-9]{5,15}( доб[.] [0-9]{1,6})?", country in "RU|UA|US|DE|KZ|IT|BR|GB", other in "RU|UA|US|DE|XX") {
        if let Ok(phone) = parse(&typed, &country) {
            let shown = phone.extension.as_ref().map_or(phone.e164.clone(), |ext| format!("{};ext={ext}", phone.e164));
            prop_assert_eq!(parse(&shown, &other), Ok(phone));
        }
    }

    #[test]
    fn one_number_in_many_styles_is_one_number((n, country, code, trunk) in national()) {
        let wanted = Some(format!("+{code}{n}"));
        let (head, tail) = n.split_at(3);
        let (mid, end) = tail.split_at(3);
        for typed in [
            format!("+{code}{n}"),
            format!("00{code}{n}"),
            format!("+{code} ({head}) {mid}-{end}"),
            format!("+{code}\u{A0}{head}\u{2009}{mid}\u{2011}{end}"),
            format!("{code}{n}"),
            format!("{code} {head} {mid} {end}"),
            n.clone(),
            format!("{trunk}{n}"),
            format!("{trunk} ({head}) {mid}.{end}"),
            format!("тел.: {trunk}-{head}-{mid}-{end} (моб)"),
            format!("tel:+{code}-{head}-{mid}-{end}"),
            format!("{trunk}{head}/{mid}{end}"),
            format!("\u{202A}+{code}{n}\u{202C}"),
        ] {
            prop_assert_eq!(e164(&typed, country), wanted.clone(), "{} in {}", typed, country);
        }
        for abroad in ["DE", "UA", "US", "RU", "FR"] {
            prop_assert_eq!(e164(&format!("+{code}{n}"), abroad), wanted.clone());
        }
    }

    #[test]
    fn extensions_are_kept(ext in "[0-9]{1,6}", label in " доб\\. | доб|, доб\\.: | вн\\. | внутр\\. | \\(доб\\. | ext\\. | x|;ext=|,|,,| # | дод\\. | добавочный ") {
        let wanted = Ok(Phone { e164: "+74951234567".to_owned(), extension: Some(ext.clone()) });
        prop_assert_eq!(parse(&format!("8 (495) 123-45-67{label}{ext}"), "RU"), wanted);
    }
}
