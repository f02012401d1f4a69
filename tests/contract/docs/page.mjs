// What a script of a web page finds around it: the page's address and the form's values, as typed by a person.
globalThis.location = new URL("https://shop.example/price?utm_source=yandex&utm_medium=cpc&utm_campaign=autumn");
globalThis.document = { referrer: "https://yandex.example/" };
