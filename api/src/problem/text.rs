//! Titles and messages in English, Russian and Ukrainian.

use kartoteka_domain::invalid::{FieldCode, FieldError};

use super::{Problem, ProblemCode};

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
    /// Ukrainian.
    Uk,
}

impl Locale {
    /// By `Accept-Language`, the highest weight first (RFC 9110, 12.5.4); English when none is known.
    pub fn accepted(header: Option<&str>) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for part in header.unwrap_or_default().split(',').take(20) {
            let mut pieces = part.trim().split(';');
            let tag = pieces.next().unwrap_or_default().to_ascii_lowercase();
            let weight = pieces.find_map(|p| p.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let locale = match tag.split('-').next() {
                Some("ru") => Self::Ru,
                Some("uk") => Self::Uk,
                Some("en") => Self::En,
                _ => continue,
            };
            if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, locale));
            }
        }
        best.map_or(Self::En, |(_, locale)| locale)
    }

    /// Its tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
            Self::Uk => "uk",
        }
    }

    fn pick(self, [en, ru, uk]: [&str; 3]) -> &str {
        match self {
            Self::En => en,
            Self::Ru => ru,
            Self::Uk => uk,
        }
    }
}

/// The title of a code.
pub fn title(code: ProblemCode, locale: Locale) -> &'static str {
    use ProblemCode as C;
    locale.pick(match code {
        C::MalformedJson => ["The body is not valid JSON", "Тело запроса не является правильным JSON", "Тіло запиту не є правильним JSON"],
        C::MalformedForm => {
            ["The body is not the form it says it is", "Тело запроса не та форма, которой названо", "Тіло запиту не та форма, якою назване"]
        }
        C::WrongType => ["A value has the wrong type", "Значение не того типа", "Значення не того типу"],
        C::UnknownField => ["The request has an unknown field", "В запросе неизвестное поле", "У запиті невідоме поле"],
        C::UnknownParameter => ["The request has an unknown parameter", "В запросе неизвестный параметр", "У запиті невідомий параметр"],
        C::InvalidParameter => ["A parameter cannot be read", "Параметр не читается", "Параметр не читається"],
        C::InvalidText => ["The text cannot be kept", "Такой текст сохранить нельзя", "Такий текст зберегти не можна"],
        C::EventsGone => [
            "These events are not kept any more: read the lists anew",
            "Эти события уже не хранятся: прочитайте списки заново",
            "Ці події вже не зберігаються: прочитайте списки заново",
        ],
        C::Unauthenticated => ["Sign in first", "Сначала войдите", "Спочатку увійдіть"],
        C::InvalidToken => ["The token is not valid", "Токен недействителен", "Токен недійсний"],
        C::InvalidCredentials => ["Wrong e-mail or password", "Неверная почта или пароль", "Невірна пошта або пароль"],
        C::TotpRequired => ["A code of the second factor is needed", "Нужен код второго фактора", "Потрібен код другого фактора"],
        C::SecondFactorRequired => ["Set up a second factor first", "Сначала настройте второй фактор", "Спочатку налаштуйте другий фактор"],
        C::AddressNotAllowed => {
            ["The key does not work from this address", "С этого адреса ключ не действует", "З цієї адреси ключ не діє"]
        }
        C::SecondFactorEnabled => ["The second factor is set up already", "Второй фактор уже настроен", "Другий фактор уже налаштовано"],
        C::SecondFactorNotEnabled => ["The second factor is not set up", "Второй фактор не настроен", "Другий фактор не налаштовано"],
        C::RoleProtected => ["This role stays as it is", "Эту роль изменить нельзя", "Цю роль змінити не можна"],
        C::RoleInUse => ["Somebody has this role", "Эта роль у кого-то есть", "Цю роль хтось має"],
        C::ExceedsOwnRights => [
            "Nobody grants more than he has, nor acts on somebody who has more",
            "Нельзя дать больше прав, чем есть у себя, и распоряжаться тем, у кого их больше",
            "Не можна надати більше прав, ніж маєш, і розпоряджатися тим, у кого їх більше",
        ],
        C::FieldNotPermitted => ["Your role may not use this field", "Вашей роли это поле недоступно", "Вашій ролі це поле недоступне"],
        C::Forbidden => ["Your role may not do this", "Вашей роли это не разрешено", "Вашій ролі це не дозволено"],
        C::OriginNotAllowed => {
            ["Pages of this origin may not do this", "Страницам этого сайта это не разрешено", "Сторінкам цього сайту це не дозволено"]
        }
        C::NotFound => ["Not found", "Не найдено", "Не знайдено"],
        C::MethodNotAllowed => {
            ["This address does not know the method", "Этот адрес не знает такого метода", "Ця адреса не знає такого методу"]
        }
        C::DuplicateFound => ["This client has a card already", "У этого клиента уже есть карточка", "У цього клієнта вже є картка"],
        C::WorkspaceRequired => ["Say which workspace", "Укажите рабочее пространство", "Вкажіть робочий простір"],
        C::RequestInProgress => {
            ["The same request is still running", "Такой же запрос ещё выполняется", "Такий самий запит ще виконується"]
        }
        C::Archived => ["The record is archived", "Запись в архиве", "Запис в архіві"],
        C::NotArchived => ["The record is not archived", "Запись не в архиве", "Запис не в архіві"],
        C::TaskNotOpen => ["The task is finished or cancelled", "Задача завершена или отменена", "Задачу завершено або скасовано"],
        C::TaskOpen => ["The task is open", "Задача открыта", "Задача відкрита"],
        C::NotAMeeting => ["This is not a meeting", "Это не встреча", "Це не зустріч"],
        C::AlreadyCheckedIn => ["This is recorded already", "Это уже отмечено", "Це вже позначено"],
        C::NotCheckedIn => ["Nobody checked in yet", "Начало встречи ещё не отмечено", "Початок зустрічі ще не позначено"],
        C::PositionConsentMissing => [
            "You have not consented to your positions being kept",
            "Вы не дали согласия на хранение ваших местоположений",
            "Ви не дали згоди на зберігання ваших місцеположень",
        ],
        C::NoRecording => ["There is no recording", "Записи нет", "Запису немає"],
        C::CutOff => ["The body was cut off", "Тело запроса получено не полностью", "Тіло запиту отримано не повністю"],
        C::NotASound => [
            "This is no sound that can be played: MP3, M4A, Ogg, WAV, FLAC, AMR, AAC or WebM is wanted",
            "Это не звук, который можно воспроизвести: нужен MP3, M4A, Ogg, WAV, FLAC, AMR, AAC или WebM",
            "Це не звук, який можна відтворити: потрібен MP3, M4A, Ogg, WAV, FLAC, AMR, AAC або WebM",
        ],
        C::RangeNotSatisfiable => ["The recording has no such part", "В записи нет такой части", "У записі немає такої частини"],
        C::AlreadyUndone => ["The hand-over is taken back already", "Передача уже отменена", "Передачу вже скасовано"],
        C::NoContact => ["The task is about no contact", "Задача не связана с контактом", "Задача не пов'язана з контактом"],
        C::AlreadyProcessed => ["The submission is processed", "Заявка уже обработана", "Заявку вже оброблено"],
        C::MoveRefused => ["The deal may not go there", "Сделку нельзя перевести на этот этап", "Угоду не можна перевести на цей етап"],
        C::LeadClosed => ["The lead is closed", "Лид уже закрыт", "Лід уже закрито"],
        C::PipelineInUse => ["The pipeline has open deals", "В воронке есть открытые сделки", "У воронці є відкриті угоди"],
        C::PipelineArchived => ["The deal's pipeline is archived", "Воронка сделки в архиве", "Воронка угоди в архіві"],
        C::Unreadable => ["The body cannot be read", "Тело заявки не читается", "Тіло заявки не читається"],
        C::LastAdministrator => {
            ["Somebody must stay administrator", "Должен остаться хотя бы один администратор", "Має залишитися хоча б один адміністратор"]
        }
        C::VersionMismatch => ["The record changed meanwhile", "Запись изменилась за это время", "Запис змінився за цей час"],
        C::PayloadTooLarge => ["The body is too large", "Тело запроса слишком велико", "Тіло запиту завелике"],
        C::UnsupportedMediaType => {
            ["This content type is not understood here", "Такой тип содержимого здесь не понимают", "Такий тип вмісту тут не розуміють"]
        }
        C::ValidationFailed => ["Some fields are not valid", "Некоторые поля неверны", "Деякі поля неправильні"],
        C::BatchRejected => ["Nothing of the batch was done", "Из пакета не выполнено ничего", "З пакета не виконано нічого"],
        C::IdempotencyKeyReused => [
            "The idempotency key was used for another request",
            "Ключ идемпотентности уже занят другим запросом",
            "Ключ ідемпотентності вже зайнятий іншим запитом",
        ],
        C::PreconditionRequired => ["Send If-Match", "Пришлите If-Match", "Надішліть If-Match"],
        C::TooManyRequests => ["Too many requests", "Слишком много запросов", "Забагато запитів"],
        C::Internal => ["Something went wrong on our side", "Что-то сломалось у нас", "Щось зламалося у нас"],
        C::Overloaded => ["Too much to do at this moment", "Сейчас слишком большая нагрузка", "Зараз завелике навантаження"],
        C::StorageFull => ["No space left", "Закончилось место", "Закінчилося місце"],
    })
}

/// One more sentence.
pub(super) fn detail(problem: &Problem, locale: Locale) -> String {
    let count = problem.errors.len();
    match count {
        0 => locale
            .pick(match problem.code {
                ProblemCode::NotFound => [
                    "There is nothing here, or it is not yours to see",
                    "Здесь ничего нет, или вам это не видно",
                    "Тут нічого немає, або вам це не видно",
                ],
                ProblemCode::Overloaded | ProblemCode::RequestInProgress => {
                    ["Try again in a moment", "Повторите чуть позже", "Повторіть трохи згодом"]
                }
                ProblemCode::DuplicateFound => [
                    "Attach to the existing card or review the candidates",
                    "Присоедините к существующей карточке или проверьте кандидатов",
                    "Приєднайте до наявної картки або перевірте кандидатів",
                ],
                ProblemCode::VersionMismatch => [
                    "Read the record again and repeat the change",
                    "Прочитайте запись снова и повторите изменение",
                    "Прочитайте запис знову й повторіть зміну",
                ],
                code => [title(code, Locale::En), title(code, Locale::Ru), title(code, Locale::Uk)],
            })
            .to_owned(),
        1 => problem.errors.first().map(|e| field_message(e, locale)).unwrap_or_default(),
        _ => format!("{}: {count}", locale.pick(["Fields that need attention", "Полей с ошибками", "Полів з помилками"])),
    }
}

/// What is wrong with a field.
pub fn field_message(error: &FieldError, locale: Locale) -> String {
    use FieldCode as F;
    let given = error.given.as_deref().unwrap_or_default();
    let template = locale.pick(match error.code {
        F::Required => ["a value is needed", "нужно значение", "потрібне значення"],
        F::TooLong if given.is_empty() => ["too long", "слишком длинно", "задовго"],
        F::TooLong => ["longer than {}", "длиннее, чем {}", "довше, ніж {}"],
        F::TooMany => {
            ["more than {} at once: narrow it", "больше {} за один раз: сузьте выборку", "більше {} за один раз: звузьте вибірку"]
        }
        F::TooShort => ["too short", "слишком коротко", "закоротко"],
        F::OutOfRange if given.is_empty() => ["outside what is allowed", "вне допустимого", "поза дозволеним"],
        F::OutOfRange => ["outside the range {}", "вне диапазона {}", "поза діапазоном {}"],
        F::InvalidPhone => ["«{}» is not a phone number", "«{}» — не телефонный номер", "«{}» — не телефонний номер"],
        F::InvalidEmail => ["«{}» is not an e-mail address", "«{}» — не адрес почты", "«{}» — не адреса пошти"],
        F::InvalidLanguage => ["«{}» is not a language tag", "«{}» — не код языка", "«{}» — не код мови"],
        F::InvalidKey => ["«{}» is not a lower snake_case key", "«{}» — не ключ из a–z, 0–9 и _", "«{}» — не ключ із a–z, 0–9 та _"],
        F::InvalidRecurrence => [
            "«{}» is no part of a repetition rule by days, weeks, months or years (RFC 5545)",
            "«{}» не подходит для правила повторения по дням, неделям, месяцам или годам (RFC 5545)",
            "«{}» не підходить для правила повторення за днями, тижнями, місяцями або роками (RFC 5545)",
        ],
        F::InvalidColor => ["«{}» is not a colour #RRGGBB", "«{}» — не цвет #RRGGBB", "«{}» — не колір #RRGGBB"],
        F::InvalidMessenger => ["«{}» is not network:handle", "«{}» — не сеть:имя", "«{}» — не мережа:ім'я"],
        F::InvalidTaxId => [
            "«{}» is not a tax id, or its check digit is wrong",
            "«{}» — не ИНН, или контрольная цифра неверна",
            "«{}» — не податковий номер, або контрольна цифра неправильна",
        ],
        F::InvalidUrl => ["«{}» is not a web address", "«{}» — не веб-адрес", "«{}» — не веб-адреса"],
        F::InvalidTimeZone => ["«{}» is not a time zone", "«{}» — не часовой пояс", "«{}» — не часовий пояс"],
        F::InvalidCountry => ["«{}» is not a country code", "«{}» — не код страны", "«{}» — не код країни"],
        F::InvalidCurrency => ["«{}» is not a currency code", "«{}» — не код валюты", "«{}» — не код валюти"],
        F::InvalidAddress => [
            "«{}» is not an IP address or a network like 10.0.0.0/8",
            "«{}» — не IP-адрес и не сеть вида 10.0.0.0/8",
            "«{}» — не IP-адреса й не мережа на зразок 10.0.0.0/8",
        ],
        F::PrivateAddress => {
            ["the address leads into a network that is not public", "адрес ведёт в непубличную сеть", "адреса веде в непублічну мережу"]
        }
        F::WrongCode => ["this is not the code of this moment", "это не код этой минуты", "це не код цієї хвилини"],
        F::FieldNeeded => ["«{}» cannot bear this rule", "для «{}» такое правило невозможно", "для «{}» таке правило неможливе"],
        F::NotPermitted => ["your role may not use this field", "вашей роли это поле недоступно", "вашій ролі це поле недоступне"],
        F::MaskedValue => [
            "a masked value cannot be stored",
            "скрытое точками значение сохранить нельзя",
            "приховане крапками значення зберегти не можна",
        ],
        F::WrongPassword => ["this is not the present password", "это не нынешний пароль", "це не теперішній пароль"],
        F::InvalidNumber => {
            ["«{}» is not a number within the bounds", "«{}» — не число в допустимых пределах", "«{}» — не число в допустимих межах"]
        }
        F::AmountTooLarge => ["it comes to more than can be kept", "сумма больше, чем можно хранить", "сума більша, ніж можна зберігати"],
        F::StageKinds => [
            "a pipeline has open stages, one won and one lost: look at «{}»",
            "в воронке есть открытые этапы, один успешный и один неуспешный: проверьте «{}»",
            "у воронці є відкриті етапи, один успішний і один неуспішний: перевірте «{}»",
        ],
        F::OtherPipeline => ["a stage of another pipeline", "этап другой воронки", "етап іншої воронки"],
        F::SameStage => ["the deal is in this stage already", "сделка уже на этом этапе", "угода вже на цьому етапі"],
        F::FieldsMissing => [
            "the stage asks for «{}», which the deal does not have",
            "для этапа нужно поле «{}», которого у сделки нет",
            "для етапу потрібне поле «{}», якого в угоди немає",
        ],
        F::SuccessorRequired => [
            "deals are in the removed stage «{}»: say where they go",
            "на удаляемом этапе «{}» есть сделки: укажите, куда их перевести",
            "на етапі «{}», що вилучається, є угоди: вкажіть, куди їх перевести",
        ],
        F::ConflictingFields if !given.is_empty() => ["contradicts «{}»", "противоречит «{}»", "суперечить «{}»"],
        F::OwnOperation => ["«{}» comes by an operation of its own", "«{}» задаёт только своя операция", "«{}» задає лише своя операція"],
        F::ConflictingFields => ["contradicts another field", "противоречит другому полю", "суперечить іншому полю"],
        F::Unchangeable => ["cannot be changed afterwards", "потом изменить нельзя", "згодом змінити не можна"],
        F::ToldTwice => ["told twice", "указано дважды", "вказано двічі"],
        F::InThePast => ["«{}» is in the past", "«{}» уже в прошлом", "«{}» вже в минулому"],
        F::InTheFuture => ["«{}» is in the future", "«{}» ещё в будущем", "«{}» ще в майбутньому"],
        F::InvalidValue => ["«{}» is not allowed here", "«{}» здесь не подходит", "«{}» тут не підходить"],
        F::InvalidTime => ["«{}» cannot be meant", "«{}» — невозможное время", "«{}» — неможливий час"],
        F::InvalidText => [
            "the text has characters that cannot be kept",
            "в тексте знаки, которые нельзя сохранить",
            "у тексті знаки, які не можна зберегти",
        ],
        F::ReferenceNotFound => ["there is no such record", "такой записи нет", "такого запису немає"],
        F::InactiveUser => ["this person is deactivated", "этот сотрудник отключён", "цього співробітника вимкнено"],
        F::AlreadyTaken => {
            ["another record has this value", "такое значение уже есть у другой записи", "таке значення вже має інший запис"]
        }
        F::UnknownField => ["unknown field", "неизвестное поле", "невідоме поле"],
        F::UnknownParameter => ["unknown parameter", "неизвестный параметр", "невідомий параметр"],
        F::WrongType => ["another type of value is wanted", "нужно значение другого типа", "потрібне значення іншого типу"],
        F::InvalidCursor => {
            ["the cursor does not belong to this list and order", "курсор не от этого списка", "курсор не від цього списку"]
        }
        F::WeakPassword => [
            "use at least 10 characters that are hard to guess",
            "нужно не меньше 10 знаков, которые трудно угадать",
            "потрібно щонайменше 10 знаків, які важко вгадати",
        ],
        F::OutsideReach => [
            "you may not give it to this person",
            "вы не можете передать это этому сотруднику",
            "ви не можете передати це цьому співробітнику",
        ],
        F::Cycle => ["it would contain itself", "получится замкнутый круг", "вийде замкнене коло"],
        F::OutcomeRequired => {
            ["say what came of it, or agree on a next step", "укажите итог или следующий шаг", "вкажіть підсумок або наступний крок"]
        }
        F::NextStepRequired if !given.is_empty() => [
            "name the next step of {} or the reason why there is none",
            "назначьте следующий шаг ({}) или укажите, почему его нет",
            "призначте наступний крок ({}) або вкажіть, чому його немає",
        ],
        F::NextStepRequired => [
            "name the next step or the reason why there is none",
            "назначьте следующий шаг или укажите, почему его нет",
            "призначте наступний крок або вкажіть, чому його немає",
        ],
    });
    if given.is_empty() {
        return template.replace("«{}»", locale.pick(["this", "это", "це"])).replace("{}", "").trim_end().to_owned();
    }
    template.replace("{}", given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_highest_weight_wins() {
        assert_eq!(Locale::accepted(Some("de, uk;q=0.7, ru;q=0.9")), Locale::Ru);
        assert_eq!(Locale::accepted(Some("uk-UA")), Locale::Uk);
        assert_eq!(Locale::accepted(Some("fr")), Locale::En);
        assert_eq!(Locale::accepted(None), Locale::En);
    }

    #[test]
    fn a_message_without_the_value_says_no_less() {
        let bare = |code| FieldError { pointer: "/x".into(), parameter: None, code, given: None };
        assert_eq!(field_message(&bare(FieldCode::InvalidUrl), Locale::En), "this is not a web address");
        assert_eq!(field_message(&bare(FieldCode::InvalidValue), Locale::Ru), "это здесь не подходит");
        assert_eq!(field_message(&bare(FieldCode::TooLong), Locale::Uk), "задовго");
        for code in FieldCode::ALL {
            let text = field_message(&bare(*code), Locale::En);
            assert!(!text.contains("{}") && !text.contains('«') && !text.ends_with(' '), "{text}");
        }
    }
}
