//! Given names common in Russian, Ukrainian and English, short forms included, with what they tell about their bearer.
//!
//! Refuses nothing; a name that is not here is merely unknown, and endings decide. Cyrillic names are found in Latin
//! letters too, whatever the system of transliteration.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use crate::text;

/// Whose name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gender {
    /// A man's.
    Male,
    /// A woman's.
    Female,
    /// Either's or not known.
    Either,
}

/// What is known of a given name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) gender: Gender,
    /// «Саша»: hardly ever a surname.
    pub(super) short: bool,
    /// «Роман», «Давид»: met as a surname as well.
    pub(super) surname_too: bool,
}

const MALE: &str = "
авраам абрам агафон адам адриан азамат айдар акоп алан александр алексей али алмаз альберт альфред амир анатолий
андрей андроник антон ануар арам арамис аристарх аркадий арман армен арнольд арсен арсений арслан артем артемий
артур архип аскар аслан афанасий ахмат ахмед ахмет ашот бауыржан бахтияр богдан борис борислав булат вадим валентин
валерий валерьян вардан варлам вартан василий вениамин виктор вилен виссарион виталий владимир владислав владлен
влас всеволод вячеслав гавриил гаврила гамлет гарик гейдар геннадий генрих георгий герасим герман глеб гордей
григорий гурген густав давид давыд дамир дамиан даниил данил данила данислав данияр денис джамал джон димитрий
дмитрий добрыня дорофей евгений евграф евдоким евсей егор елисей емельян ермолай ерофей ефим ефрем захар зиновий
зураб иван игнат игнатий игорь ильгиз ильдар ильнур ильхам илья иннокентий иосиф ипполит ираклий исаак искандер
исмаил камиль карен карл касьян ким кирилл климент клим кондрат константин корней кузьма лаврентий лазарь лев леван
леон леонид леонтий лука лукьян мавлюд магомед макар максим максимилиан мамед марат марк мартин мартын матвей
мелентий мераб мечислав микаэл милан мирон мирослав митрофан михаил модест моисей мурад мурат муса мухаммед назар
натан наум никита никифор никодим николай никон нурлан нурсултан олег онуфрий орест осип оскар остап отар павел
панкрат пантелей паруйр петр платон прокофий прохор радий радик радмир рамазан рамиль расул рафаэль рафик рауф ренат
ринат роберт родион роман ростислав рубен рудольф руслан рустам рустем савва савелий саид самвел самсон самуил
святослав севастьян семен серафим сергей серго серик соломон спартак спиридон станислав степан сурен тагир тамаз
тарас тельман теодор тигран тимофей тимур тихон трифон умар усман фаддей фарид федор федот феликс филат филипп фома
хачик харитон христофор шамиль шота эдгар эдуард эльдар эльмар эмиль эмин эрик эрнест юлиан юлий юрий юхим яков ян
ярослав авенір адріан альбін анатолій андрій анатоль аркадій арсеній артемій афанасій боримир броніслав валентин
валерій валеріан василь венедикт веніамін вікентій віктор віталій вітольд володимир всеволод вячеслав в'ячеслав
гаврило геннадій генадій георгій герасим гліб григорій гнат данило дем'ян денис дмитро дорофій едуард еміль євген
євгеній євдоким євстахій єгор єлисей єфрем жданко зеновій зиновій златоцвіт іван ігнат ігнатій ігор ізяслав іларій
ілля іларіон інокентій йосип йосафат казимир кирило клим климентій корній костянтин кость кузьма лаврін леонід
леонтій лесь лук'ян любомир макар максим маркіян марко мар'ян матвій микита микола милослав мирон мирослав митрофан
михайло мстислав назарій назар нестор никифор никодим олег олександр олексій олекса оксентій омелян онисим опанас
орест остап охрім павло панас панкрат пантелеймон пилип петро платон прокіп прохор радим радислав родіон ростислав
святослав севастян северин семен сергій сидір симон станіслав степан стефан тадей тарас теодор терентій тиміш
тимофій тихін трохим устим федір федос феодосій феофан филимон філіп флоріан фома харитон хома юліан юрій юхим яким
яків ян ярема яромир ярополк ярослав
";

/// Foreign names as they are met in Cyrillic.
const FOREIGN: &str = "
адольф ален алистер анри антуан арчи бен бенджамин билл билли боб брайан брюс вильгельм вольфганг гарри ганс гарольд
гектор гилберт гэри грегори гуго гюнтер дейв джейк джейкоб джеймс джек джерри джефф джим джо джозеф джонатан джордж
джошуа диего дэн дэниел дэвид жак жан жерар жозе жорж жюль ив иоганн йохан кайл кевин келвин клаус клод крис
кристиан кристофер курт лоренцо лукас луи луиджи луис людвиг люк майк майкл марио марсель маттео мигель мишель
мохаммед нил оливер омар оскар отто педро пабло патрик пауль пол поль пьер райан рауль реджинальд рене ричард робин
роберто родриго рэй скотт стив стивен тед том томас томми тони уильям уолтер фернандо филиппо фрэнк франк франсуа
франц фред фредерик фридрих фриц хавьер ханс хасан хорхе хосе хуан чарли чарльз шарль шон эдвард эдмунд эндрю энтони
эрнст этьен юрген юсуф
";

const FOREIGN_FEMALE: &str = "
агата аманда анн барбара беатрис бетти виржиния грейс дебора дженнифер джейн джессика джоан джулия ева жаклин жюли
изабель камила кармен катарина кейт келли кристин лаура лора луиза люси мадлен маргарет мари мелани мередит мишель
мэри нэнси оливия памела патриция рейчел ребекка роуз салли сандра сара саманта симона софи стефани сьюзан фиона
франсуаза хелен хлоя шарлотта шэрон эмили эмма энн эшли
";

const FEMALE: &str = "
августа авдотья аврора агафья аглая агнесса агния ада аделина адель аза азиза аида айгуль айгерим айжан айнур айша
акулина алевтина александра александрина алена алина алиса алия алла алсу альбина альфия амалия амина амира
анастасия ангелина анжела анжелика анисья анна антонина анфиса ариадна арина асель асия ассоль астра аурика бэлла
белла божена валентина валерия ванда варвара василина василиса венера вера вероника веста виктория виолетта виталина
вита влада владислава владлена галина гаянэ гаяне гелена генриетта глафира глория гузель гульнара гульнур дана дария
дарья даяна дарина джамиля диана дина динара домна ева евгения евдокия екатерина елена елизавета есения ефросинья
жанна жаннет забава зара зарема зарина земфира зинаида злата зоя зульфия зухра ивана иванна илона инга инесса инна
ираида ирина ирма ия камилла камила капитолина карина каролина кира клавдия клара кристина ксения лала лариса лаура
лейла леся лиана лидия лика лилиана лилия лиля лина линда лия лолита луиза лукерья любовь людмила ляйсан мадина майя
малика маргарита марианна мариам марина мария марта марфа марьям марьяна матрена мелания мелисса мила милада милана
милена милица милослава мира мирослава моника муза надежда наида наиля назгуль нана наргиза наталия наталья нелли
нигора ника нина нинель нонна нора оксана октябрина олеся олимпиада ольга патимат пелагея полина прасковья рада
радмила раиса рамина регина рената римма рита роза розалия роксана ростислава руфина рузанна сабина сабрина саида
светлана севиль серафима снежана софия софья стелла степанида сусанна таисия тамара тамила татьяна ульяна фаина
фарида фатима федора фекла феодосия флора фрида ханна хадижа христина цветана шарлотта эвелина элеонора элина элла
эльвира эльза эльмира эмилия эмма эрика юлиана юлия юнона ядвига яна янина ярослава аделіна аліна аліса альбіна
анастасія ангеліна анжеліка антоніна аріна богдана броніслава валентина валерія варвара василина вероніка вікторія
віра віолетта віталіна віта влада владислава галина ганна дарина дар'я діана діна дзвенислава домініка єва євгенія
євдокія єлизавета ждана жанна зінаїда злата зоряна зоя іванна ілона інга інна ірина калина кароліна катерина кіра
клавдія кристина ксенія лариса леся лідія лілія ліна любава любов людмила людмила маргарита марина марія мар'яна
марта марічка мелана мелашка меланія мілана мілена мирослава мотря надія наталія наталка неля ніка ніна одарка
оксана олександра олена олеся ольга орина орися палажка параска пелагея поліна рада раїса регіна роксолана ружена
руслана світлана сніжана соломія софія стефанія стефа таїсія тамара тетяна уляна устина христина юліана юлія ядвіга
яна ярина ярослава
";

const MALE_SHORT: &str = "
алеша алёша леша леха алик альбертик андрюша андрюха антоша антошка аркаша артемка арсюша боря борька вадик валера
валерка ваня ванька ванечка вася васька виталик виталя витя витек витька влад владик вова вовка вовочка володя гена
генка гера гоша гриша гришка даня данька даник дениска дима димка димон димочка митя эдик жорик жора захарка егорка
игорек илюша илюха кеша костя костик котя кирюша лёва лева леня ленчик леонидик макс максимка марик мишка миша
мишаня никитка николаша коля колян коленька олежка олежек павлик паша пашка петя петька рома ромка ромчик ростик
рустик сеня серега сережа серж стас стасик степа степка тема темка тимоша тима толя толик толян федя федька филя юра
юрка юрик юрчик яша ярик вячик славик севка андрійко андрійчик богданко боря вадимко василько вітя вітько вова
володько володя гнатко гриць грицько дмитрик дімка діма жека іванко івась ігорко ілько льоша льоня костик кирилко
лесик левко максимко маркусь миколка микольцьо миша михась мишко назарко олесь олежко орестко остапко павлусь павлик
петрик петрусь романко ромко сергійко серьога серьожа стасик степанко тарасик тимко толик толя федько юрко юрасик
юрась яремко ярко ясь
";

const FEMALE_SHORT: &str = "
алиночка алёнка аленка алёнушка алка аля анечка анютка анюта аня анька ася вика викуля викуся верочка варя варенька
валюша галя галка галочка галюня даша дашка дашенька диночка зина ира ирка ириша иринка иришка катя катька катюша
катерина катюха ксюша ксюха ксеня лара ларочка лена ленка леночка лёля леля лера лерочка лида лидочка лиза лизонька
лизочка люба любаша люда людочка люся мариша маринка марьяша маруся маша машенька машка машуля муся надя наденька
надюша настя настенька настюша ната наташа наташка наталка нюра ниночка оксанка олечка оленька оля ольчик полинка
поля рая раечка рита ритуля света светка светик светочка соня сонечка софа стеша тамарочка таня танечка танюша
танька тася тома томочка тоня тоша уля фая фрося юля юлька юлечка юленька яночка эля эллочка нюша дуся клава клаша
глаша груня паня капа ганнуся ганя галинка дарця даринка зоряночка іра іринка ірочка катруся катря катруня леся
лесечка ліда лідуся ліза люба любця люба люда марійка маріка маруся марічка надійка надя настуня настя наталочка
натуся ніна нінуся оксаночка оленка олюня оля орися романка світланка світлана соломійка софійка таня тася тетянка
уляся устя христя юлечка яринка ярися ярка
";

const EITHER_SHORT: &str = "
саша сашка сашуля саня санька саня шура шурик женя женька валя слава славка сима тося вася гера паша сашко сашунь
шурко женько славко лесь мирося ника рома руся алекс ники микки тимочка
";

/// Male names that are surnames as well, Ukrainian above all.
const SURNAMES_TOO: &str = "
роман богдан давид давыд мартин захар назар тарас марк марко данило кирило гаврило михайло олекса лазарь лука макар
клим карл герман адам ким леон лев ян али ахмед саид самсон соломон никон фома хома иван степан стефан терентій
сидір прокіп кость юхим яким ярема панас петро павло остап симон нестор северин федос охрім прохор платон гнат юрко
грицько левко ілько ромко
";

const ENGLISH: &str = "
aaron abby abigail abraham ada adam addison adele adrian adriana agatha agnes aidan alan albert alec alex alexa
alexander alexandra alexis alfred alice alicia alison allan allen alyssa amanda amber amelia amy ana andrea andrew
andy angel angela angelica angus anita ann anna anne annie anthony antonio april archie ariana arnold arthur ashley
audrey austin autumn ava avery barbara barry beatrice becky bella ben benjamin bernard beth bethany betty beverly
bill billy blake bob bobby bonnie brad bradley brandon brenda brendan brett brian brianna bridget brittany brooke
bruce bryan caitlin caleb calvin cameron camila carl carla carlos carmen carol caroline carolyn carrie cassandra
catherine cathy cecilia charles charlie charlotte chelsea cheryl chloe chris christian christina christine
christopher cindy claire clara clarence claudia clayton clifford clive cody colin connie connor conrad corey
courtney craig crystal curtis cynthia daisy dale damian dan daniel daniela danielle danny darlene darren daryl dave
david dawn dean deborah debra denise dennis derek diana diane dolores dominic don donald donna doris dorothy doug
douglas duncan dustin dwayne dylan earl eddie edgar edith edmund eduardo edward edwin eileen elaine eleanor elena
eli elias elijah elizabeth ella ellen ellie elliot elsie emily emma eric erica erika erin ernest ethan eugene eva
evan evelyn faith felicity felix fiona florence frances francesca francis francisco frank franklin fred frederick
gabriel gabriela gabrielle gail gareth gary gavin gemma gene geoffrey george georgia gerald gerard gilbert gina
ginger gladys glen glenn gloria gordon grace graham grant greg gregory guy hannah harold harriet harry harvey hazel
heather hector heidi helen henry herbert holly hope howard hugh hugo hunter ian imogen irene iris isaac isabel
isabella isaiah isla ivy jack jackie jackson jacob jacqueline jade jake james jamie jan jane janet janice jared
jasmine jason jay jean jeff jeffrey jenna jennifer jenny jeremy jerome jerry jesse jessica jill jim jimmy joan
joanna joanne jodie joe joel john johnny jon jonah jonathan jordan jorge jose joseph josephine josh joshua joy joyce
juan juanita judith judy julia julian juliana julie julius june justin karen karl kate katherine kathleen kathryn
kathy katie kayla keith kelly kelsey ken kenneth kenny kerry kevin kim kimberly kirk kristen kurt kyle lara larry
laura lauren lawrence leah lee leo leon leonard leslie lester lewis liam lillian lily linda lindsay lionel lisa
lloyd logan lois lola lorraine louis louise lucas lucia lucy luis luke lydia lynn mabel mackenzie madeleine madison
maggie malcolm marc marcia marco marcus margaret margot maria marian marie marilyn mario marion marjorie mark
marlene marsha martha martin marvin mary mason mateo matilda matt matthew maureen maurice max maxine maxwell megan
melanie melinda melissa mercedes mia michael michelle miguel mike mildred miles milton miranda miriam mitchell molly
monica morgan muriel nadia nancy naomi natalie natasha nathan nathaniel neil nicholas nick nicola nicole nigel nina
noah noel nora norma norman oliver olivia oscar owen paige pamela patricia patrick patsy paul paula pauline pedro
peggy penelope penny perry peter phil philip phillip phoebe phyllis pierre polly poppy quentin rachel ralph ramon
randall randy raphael ray raymond rebecca reginald rhonda ricardo richard rick ricky rita rob robert roberta roberto
robin rodney roger roland ron ronald ronnie rory rosa rose rosemary ross roxanne roy ruby rupert russell ruth ryan
sabrina sally sam samantha samuel sandra sandy sara sarah scarlett scott sean sebastian selina serena seth shane
shannon sharon shaun sheila shelley sherry shirley sidney sienna simon simone sophia sophie spencer stacey stan
stanley stella stephanie stephen steve steven stewart stuart sue summer susan susie suzanne sylvia tamara tanya tara
ted teresa terence terri terry thelma theo theodore theresa thomas tiffany tim timothy tina toby todd tom tommy toni
tony tracey tracy travis trevor tristan troy tyler ursula valerie vanessa vera verity vernon veronica victor
victoria vincent viola violet virginia vivian wade wallace walter wanda warren wayne wendy wesley wilbur will
william willie winston xavier yolanda yvonne zach zachary zara zoe jürgen hans klaus wolfgang giovanni giuseppe luca
matteo francois jacques michel henri juergen johann ahmed ali fatima mohamed mohammed muhammad omar hassan yusuf
mehmet mustafa pyotr fyodor semyon artyom alyona alena aleksander ksenia eugenia xenia
";

/// English surnames common enough to be known in «Smith John»; those that are given names as well are absent.
const ENGLISH_SURNAMES: &str = "
smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson
taylor moore thompson white harris sanchez clark ramirez robinson walker young king wright torres nguyen hill flores
green adams nelson baker hall rivera campbell carter roberts gomez phillips evans turner diaz parker cruz edwards
collins reyes stewart morris morales murphy cook rogers gutierrez ortiz cooper peterson bailey reed kelley howell
ramos cox ward richardson watson brooks chavez wood bennett gray mendoza ruiz hughes price alvarez castillo sanders
patel myers foster jimenez powell jenkins perry butler barnes fisher henderson coleman simmons patterson jordan
reynolds hamilton gonzales alexander o'brien o'connor sullivan mccarthy kennedy bush clinton fitzgerald macdonald
mcdonald muller müller schmidt schneider fischer weber meyer wagner becker schulz hoffmann schäfer koch bauer
richter klein wolf schröder neumann schwarz zimmermann rossi ferrari russo dubois durand moreau lefebvre kowalski
nowak wiśniewski jensen nielsen hansen larsen johansson andersson karlsson
";

/// Ordered, so that of two names with one sound the same wins in every process.
static CYRILLIC: LazyLock<BTreeMap<String, Given>> = LazyLock::new(|| {
    let surnames: HashSet<String> = SURNAMES_TOO.split_whitespace().map(text::fold).collect();
    let mut names = BTreeMap::new();
    for (list, gender, short) in [
        (MALE, Gender::Male, false),
        (FOREIGN, Gender::Male, false),
        (FEMALE, Gender::Female, false),
        (FOREIGN_FEMALE, Gender::Female, false),
        (EITHER_SHORT, Gender::Either, true),
        (MALE_SHORT, Gender::Male, true),
        (FEMALE_SHORT, Gender::Female, true),
    ] {
        for name in list.split_whitespace().map(text::fold) {
            let surname_too = surnames.contains(&name);
            names.entry(name).or_insert(Given { gender, short, surname_too });
        }
    }
    names
});

static LATIN: LazyLock<HashSet<String>> = LazyLock::new(|| ENGLISH.split_whitespace().map(text::fold).collect());

static LATIN_SURNAMES: LazyLock<HashSet<String>> = LazyLock::new(|| ENGLISH_SURNAMES.split_whitespace().map(text::fold).collect());

/// The Cyrillic names as [`sound`] of their Latin spellings, Russian and Ukrainian.
static SOUNDS: LazyLock<HashMap<String, Given>> = LazyLock::new(|| {
    let spelt = |(name, given): (&String, &Given)| ["g", "h"].map(|g| (sound(&latin(name, g)), *given));
    CYRILLIC.iter().flat_map(spelt).collect()
});

/// What is known of a folded name, in either script.
pub(super) fn find(folded: &str) -> Option<Given> {
    if let Some(given) = CYRILLIC.get(folded) {
        return Some(*given);
    }
    if !folded.is_ascii() || folded.len() < 3 {
        return None;
    }
    if LATIN.contains(folded) {
        return Some(Given { gender: Gender::Either, short: false, surname_too: false });
    }
    SOUNDS.get(&sound(folded)).copied()
}

/// A folded Latin word is an English (or other western) surname everyone knows.
pub(super) fn is_western_surname(folded: &str) -> bool {
    LATIN_SURNAMES.contains(folded)
}

/// A Cyrillic name in Latin letters; «г» is `g` in Russian and `h` in Ukrainian spelling.
fn latin(name: &str, g: &str) -> String {
    let letter = |c: char| match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => g,
        'д' => "d",
        'е' | 'э' | 'є' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' | 'ї' | 'й' | 'ы' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ю' => "yu",
        'я' => "ya",
        _ => "",
    };
    name.chars().map(letter).collect()
}

/// What is common to the transliterations of one name: «Yuriy», «Iurii» and «Yury» sound `uri`.
fn sound(latin: &str) -> String {
    let once = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.dedup();
        String::from_iter(letters)
    };
    let mut spelt = once(latin);
    for (from, to) in [
        ("kh", "h"),
        ("ts", "c"),
        ("x", "ks"),
        ("w", "v"),
        ("yu", "u"),
        ("iu", "u"),
        ("ju", "u"),
        ("ya", "a"),
        ("ja", "a"),
        ("ia", "a"),
        ("ye", "e"),
        ("ie", "e"),
        ("je", "e"),
        ("y", "i"),
        ("j", "i"),
    ] {
        spelt = spelt.replace(from, to);
    }
    once(&spelt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_as_long_as_promised() {
        assert!(CYRILLIC.len() >= 400, "{}", CYRILLIC.len());
        assert!(LATIN.len() >= 250, "{}", LATIN.len());
    }

    #[test]
    fn names_are_found_however_they_are_spelt() {
        for name in [
            "Саша",
            "Сашко",
            "Оля",
            "Женя",
            "Мар’яна",
            "В'ячеслав",
            "Алёна",
            "Yuriy",
            "Iurii",
            "Yury",
            "Serhii",
            "Sergey",
            "Sergei",
            "Oleksandr",
            "Ekaterina",
            "Yekaterina",
            "Dmytro",
            "Dmitry",
            "Nataliia",
            "Natalya",
            "Olha",
            "Alexey",
            "Tetiana",
            "Tatyana",
            "Mykola",
            "Nikolay",
            "Yevhen",
            "Evgeny",
            "Ihor",
            "Igor",
            "John",
            "Mary",
        ] {
            assert!(find(&text::fold(name)).is_some(), "{name}");
        }
        for word in ["Иванов", "Шевченко", "Ivanov", "Smith", "", "я", "xx"] {
            assert!(find(&text::fold(word)).is_none(), "{word}");
        }
    }
}
