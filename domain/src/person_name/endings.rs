//! What the ending of a word, or the word itself, tells: surname, patronymic, particle.
//!
//! Works on folded words of either script. Refuses to know any single person's name; those known are in `given_names`.

use super::given_names;

/// How surely a word is a patronymic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patronymic {
    /// It is none.
    No,
    /// By its ending alone: «Рабинович», «Наркисович».
    Weak,
    /// Made of a known name: «Иванович».
    Father,
    /// With the ending only daughters have: «Ивановна».
    Daughter,
}

/// Words that belong to the surname behind them.
const PARTICLES: &str = "van von vom zu zum de del della der den di da das dos do du la le ten ter te ibn bin bint af av
    фон де ван дер да дель делла ди дю ду ла ле ибн ібн бин бен";

/// Words that make the name before them a patronymic.
const OGLY: &str = "оглы оглу огли кызы кизи қызы гызы улы уулу ұлы ogly oglu oghlu kyzy qizi";

/// Patronymics spoken and short, and those of names in «-а», which have no «-ов-».
const FATHERS: &str = "ильич ілліч лукич кузьмич фомич никитич саввич савич михалыч саныч палыч иваныч николаич сергеич
    андреич алексеич василич львович яковлевич ilyich ilich illich lvovich";

const DAUGHTERS: &str = "овна евна ична івна ївна ovna evna ivna ichna yivna";

/// Spanish surnames without the ending «-ez».
const SPANISH: &str = "garcia diaz cruz ruiz reyes torres flores rivera morales ortiz ramos castillo mendoza vargas romero
    herrera medina aguilar castro moreno munoz rojas silva delgado guerrero soto vega llosa";

/// Endings of Russian and Ukrainian surnames and of their Latin spellings, the surest first.
const SURNAMES: &[(i8, &str)] = &[
    (
        3,
        "ов ова ев ева ский ская цкий цкая ской цкой ський ська цький цька зький зька енко ейко айко ук юк ишин ышин
        ишина швили швілі дзе янц ян ых их штейн берг ман ov ova ev eva sky skiy skyi skyy skij ska skaya skaia enko
        chuk iuk yuk shvili dze syan yants ykh",
    ),
    (
        2,
        "ин ина ын ына ін іна їн їна ко ець єць ец ів їв ак як ик ий ый ая ой яя ун ура юра айло ило уха ота ога ба сон
        ич ыч еть арь ар ели yan",
    ),
    (1, "ка ер ло ра ня ша за ль uk ak ko ets in ina"),
];

/// Endings of given names that are in no dictionary.
const GIVEN: &str = "слав слава мир мира очка енька уля юша ия ія етта илла";

/// «ван», `de`, «ибн».
pub(super) fn is_particle(folded: &str) -> bool {
    is_listed(PARTICLES, folded)
}

/// «оглы», «кызы».
pub(super) fn is_ogly(folded: &str) -> bool {
    is_listed(OGLY, folded)
}

/// A surname such as Spanish names have two of.
pub(super) fn is_spanish(folded: &str) -> bool {
    folded.ends_with("ez") || is_listed(SPANISH, folded)
}

/// How surely a word that is no known given name is a patronymic.
pub(super) fn patronymic(folded: &str) -> Patronymic {
    let hyphenated = || folded.rsplit_once('-').is_some_and(|(_, ending)| is_ogly(ending));
    if ends_with_one_of("улы ұлы кызы қызы", folded, 3) || hyphenated() || is_listed(FATHERS, folded) {
        return Patronymic::Father;
    }
    if ends_with_one_of(DAUGHTERS, folded, 2) {
        return Patronymic::Daughter;
    }
    let endings = ["ович", "евич", "ovich", "evich", "ovych", "evych"];
    let Some(stem) = endings.iter().find_map(|ending| folded.strip_suffix(ending)) else {
        return Patronymic::No;
    };
    let soft = stem.trim_end_matches('ь');
    let of_name = ["", "о", "а", "ь", "й", "ий", "ій", "ья", "я", "i", "o", "a", "y"]
        .iter()
        .any(|end| [stem, soft].iter().any(|stem| given_names::find(&format!("{stem}{end}")).is_some()));
    match (of_name, folded.is_ascii()) {
        (true, _) => Patronymic::Father,
        (false, false) if stem.chars().count() >= 2 => Patronymic::Weak,
        _ => Patronymic::No,
    }
}

/// How much the word speaks for a surname: from −1, rather a given name, to 3.
pub(super) fn surname(folded: &str) -> i8 {
    if given_names::is_western_surname(folded) {
        return 2;
    }
    if ends_with_one_of(GIVEN, folded, 0) {
        return -1;
    }
    SURNAMES.iter().find(|(_, endings)| ends_with_one_of(endings, folded, 2)).map_or(0, |(weight, _)| *weight)
}

fn is_listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// One of the endings, with at least so many letters before it.
fn ends_with_one_of(list: &str, word: &str, least: usize) -> bool {
    list.split_ascii_whitespace().any(|ending| word.strip_suffix(ending).is_some_and(|stem| stem.chars().count() >= least))
}
