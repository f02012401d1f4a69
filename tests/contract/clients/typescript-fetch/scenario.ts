import createClient from "openapi-fetch";
import { check, counted, email, formKey, password, pause, random, step, unreachable, url } from "./harness.js";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

const client = createClient<paths>({ baseUrl: url });
const number = `+7912${random(7)}`;
const address = `client-${random(10)}@example.com`;
const newContact: Schemas["ContactInput"] = {
  display_name: `Anna ${random(6)}`,
  position: "Buyer",
  comment: "Met at the fair",
  phones: [{ value: number, label: "mobile" }],
  emails: [{ value: address }],
};
let contact: Schemas["Contact"];
let pipeline: Schemas["Pipeline"];
let offer: Schemas["Deal"];
let enquiry: Schemas["Deal"];

/** The answer, or what the problem says. */
function answered<T>(result: { data?: T; error?: Schemas["Problem"]; response: Response }, status: number): T {
  check(result.data !== undefined, `${result.response.status} ${result.error?.code}: ${result.error?.detail}`);
  check(result.response.status === status, `status ${result.response.status}, not ${status}`);
  return result.data;
}

function refused(
  result: { error?: Schemas["Problem"]; response: Response },
  status: number,
  code: Schemas["ProblemCode"],
): Schemas["Problem"] {
  check(result.response.status === status, `status ${result.response.status}, not ${status}`);
  check(result.error?.code === code, `code ${result.error?.code}, not ${code}`);
  return result.error;
}

/** What an item of each kind is told by: every variant has a body of its own. */
function facts(item: Schemas["TimelineItem"]): string {
  switch (item.kind) {
    case "communication":
      return item.record.channel;
    case "task":
      return item.record.title;
    case "note":
      return item.record.body;
    case "lead":
      return item.record.status;
    case "submission":
      return item.record.state;
    case "deal":
      return item.record.name;
    case "stage_change":
      return item.record.to_stage_name;
    case "change":
      return item.record.action;
    default:
      return unreachable(item);
  }
}

async function timeline(): Promise<Map<string, number>> {
  const page = answered(
    await client.GET("/v1/contacts/{id}/timeline", { params: { path: { id: contact.id }, query: { limit: 200 } } }),
    200,
  );
  const counts = new Map<string, number>();
  for (const item of page.data) {
    check(facts(item) !== "", `an empty ${item.kind}`);
    counts.set(item.kind, (counts.get(item.kind) ?? 0) + 1);
  }
  return counts;
}

await step("sign in", async () => {
  const tokens = answered(await client.POST("/v1/auth/token", { body: { email, password } }), 200);
  client.use({
    onRequest({ request }) {
      request.headers.set("authorization", `${tokens.token_type} ${tokens.access_token}`);
    },
  });
  return `${tokens.token_type}, ${tokens.expires_in} s`;
});

await step("create contact", async () => {
  contact = answered(await client.POST("/v1/contacts", { body: newContact }), 201);
  check(contact.phones[0]?.e164 === number, `phone ${contact.phones[0]?.e164}`);
  return `${contact.display_name}, version ${contact.version}`;
});

await step("meet duplicate", async () => {
  const problem = refused(await client.POST("/v1/contacts", { body: newContact }), 409, "duplicate_found");
  const best = problem.candidates?.[0];
  check(best?.id === contact.id, `candidate ${best?.id}`);
  const evidence = best.evidence.map(({ field, agreement, weight }) => `${field} ${agreement} ${weight.toFixed(2)}`);
  return `${best.verdict} ${best.score.toFixed(2)} by ${evidence.join(", ")}`;
});

await step("attach duplicate", async () => {
  const attached = answered(
    await client.POST("/v1/contacts", { body: newContact, params: { query: { on_duplicate: "attach" } } }),
    200,
  );
  check(attached.id === contact.id, `another contact: ${attached.id}`);
  return "the same contact";
});

await step("log call", async () => {
  const call = answered(
    await client.POST("/v1/communications", {
      body: {
        channel: "call",
        direction: "inbound",
        contact_id: contact.id,
        duration_seconds: 185,
        outcome: "interested",
      },
    }),
    201,
  );
  check(call.contact_id === contact.id, `contact ${call.contact_id}`);
  return `${call.direction} ${call.channel}, ${call.duration_seconds} s, ${call.status}`;
});

await step("complete task", async () => {
  const task = answered(
    await client.POST("/v1/tasks", {
      body: { title: "Call back", kind: "call", contact_id: contact.id, due_at: "2030-01-10T09:00:00Z" },
    }),
    201,
  );
  const { task: done, next_task: next } = answered(
    await client.POST("/v1/tasks/{id}/complete", {
      params: { path: { id: task.id } },
      body: { result: "Agreed to meet", next_task: { title: "Meet", kind: "meeting", due_at: "2030-01-11T09:00:00Z" } },
    }),
    200,
  );
  check(done.status === "done", `status ${done.status}`);
  check(next?.contact_id === contact.id, `next task ${next?.id}`);
  return `${done.status}, next: ${next.title} at ${next.due_at}`;
});

await step("read timeline", async () => {
  answered(await client.POST("/v1/notes", { body: { body: "Prefers mornings", contact_id: contact.id } }), 201);
  const counts = await timeline();
  for (const kind of ["change", "communication", "note", "task"]) check(counts.has(kind), `no ${kind}`);
  return counted(counts);
});

await step("page list", async () => {
  const made = new Set<string>();
  for (let i = 0; i < 7; i++) {
    const body = { title: `Step ${i}`, contact_id: contact.id, due_at: "2030-02-01T09:00:00Z" };
    made.add(answered(await client.POST("/v1/tasks", { body }), 201).id);
  }
  const seen: string[] = [];
  let pages = 0;
  let cursor: string | null = null;
  do {
    const page: Schemas["TaskPage"] = answered(
      await client.GET("/v1/tasks", {
        params: { query: { contact_id: [contact.id], status: ["open", "done"], limit: 2, ...(cursor && { cursor }) } },
      }),
      200,
    );
    seen.push(...page.data.map((task) => task.id));
    cursor = page.next_cursor;
    pages++;
  } while (cursor !== null);
  check(new Set(seen).size === seen.length, "repeats");
  check([...made].every((id) => seen.includes(id)), "skips");
  return `${seen.length} tasks on ${pages} pages`;
});

await step("clear fields", async () => {
  const params = { path: { id: contact.id } };
  const byNull = answered(await client.PATCH("/v1/contacts/{id}", { params, body: { comment: null } }), 200);
  check(byNull.comment === null, `comment ${byNull.comment}`);
  const byName = answered(await client.PATCH("/v1/contacts/{id}", { params, body: { clear: ["position"] } }), 200);
  check(byName.position === null, `position ${byName.position}`);
  return `version ${byName.version}`;
});

await step("stale version", async () => {
  const problem = refused(
    await client.PATCH("/v1/contacts/{id}", {
      params: { path: { id: contact.id }, header: { "If-Match": `"${contact.version}"` } },
      body: { comment: "Late" },
    }),
    412,
    "version_mismatch",
  );
  const { current_version: version, changed_fields: fields } = problem;
  check(version !== undefined && version > contact.version, `version ${version}`);
  check(fields?.includes("comment") === true, `fields ${fields?.join(", ")}`);
  return `now ${version}, changed ${fields.join(", ")}`;
});

await step("repeat key", async () => {
  const request = {
    params: { header: { "Idempotency-Key": random(20) } },
    body: { title: "Only once", contact_id: contact.id, due_at: "2030-03-01T09:00:00Z" },
  };
  const first = answered(await client.POST("/v1/tasks", request), 201);
  const repeated = await client.POST("/v1/tasks", request);
  check(answered(repeated, 201).id === first.id, "another task");
  check(repeated.response.headers.get("idempotent-replayed") === "true", "not replayed");
  return "the same task, replayed";
});

/** A stage of the pipeline; the second one asks for an amount. */
function stage(which: (stage: Schemas["Stage"], index: number) => boolean): Schemas["Stage"] {
  const found = pipeline.stages.find(which);
  check(found !== undefined, `not among ${pipeline.stages.map(({ name }) => name).join(", ")}`);
  return found;
}

const first = () => stage((_, index) => index === 0);
const second = () => stage((_, index) => index === 1);

const newDeal = (name: string): Schemas["DealInput"] => ({
  name,
  pipeline_id: pipeline.id,
  stage_id: first().id,
  contacts: [{ contact_id: contact.id, role: "decides" }],
});

const move = (deal: Schemas["Deal"], to: Schemas["Stage"]) =>
  client.POST("/v1/deals/{id}/move", { params: { path: { id: deal.id } }, body: { stage_id: to.id } });

await step("list pipelines", async () => {
  const [found] = answered(await client.GET("/v1/pipelines"), 200).data;
  check(found !== undefined, "no pipelines");
  pipeline = found;
  const names = pipeline.stages.map(({ name }) => name);
  check(first().kind === "open" && second().kind === "open", `stages ${names.join(", ")}`);
  return `${pipeline.name}, ${names.length} stages from ${names[0]} to ${names.at(-1)}`;
});

await step("create deals", async () => {
  const body: Schemas["DealInput"] = {
    ...newDeal("Desks for the office"),
    line_items: [
      { name: "Desk", quantity: "3", price: 1_250_000, discount_percent: "10", tax_percent: "20" },
      { name: "Assembly", quantity: "1.5", unit: "hours", price: 150_000, tax_percent: "20", tax_included: true },
    ],
    next_task: { title: "Send the offer", due_at: "2030-04-01T09:00:00Z" },
  };
  offer = answered(await client.POST("/v1/deals", { body }), 201);
  const totals = offer.line_items.map(({ total }) => total);
  check(totals.join() === "4050000,225000", `totals ${totals.join()}`);
  check(offer.line_items.every(({ net, tax, total }) => net + tax === total), "net and tax are not the total");
  const sum = totals.reduce((sum, total) => sum + total, 0);
  check(offer.amount?.amount === sum, `amount ${offer.amount?.amount}`);
  check(offer.amount.currency === offer.currency, `currency ${offer.amount.currency}`);
  check(offer.contacts.length === 1 && offer.contacts[0]?.contact_id === contact.id, "another contact");
  check(offer.next_task_at !== null, "no next task");
  enquiry = answered(await client.POST("/v1/deals", { body: newDeal("A chair, perhaps") }), 201);
  check(enquiry.amount === null && enquiry.line_items.length === 0, `amount ${enquiry.amount?.amount}`);
  return `${totals.join(" + ")} = ${sum} ${offer.currency}, next task at ${offer.next_task_at}; another without amount`;
});

await step("refused move", async () => {
  const problem = refused(await move(enquiry, second()), 409, "move_refused");
  const { reason, missing_fields: fields, legal_moves: moves } = problem;
  check(reason === "fields_missing", `reason ${reason}`);
  check(fields?.join() === "amount", `fields ${fields?.join()}`);
  const legal = moves?.find((each) => each.stage_id === second().id);
  check(legal?.missing_fields.join() === "amount", `fields ${legal?.missing_fields.join()} of ${legal?.name}`);
  return `${reason} ${fields.join(", ")}; ${moves?.length} legal, ${legal.name} without ${fields.join(", ")}`;
});

await step("move deal", async () => {
  const { amount } = answered(
    await client.PATCH("/v1/deals/{id}", {
      params: { path: { id: enquiry.id } },
      body: { amount: { amount: 990_000, currency: enquiry.currency } },
    }),
    200,
  );
  check(amount?.amount === 990_000, `amount ${amount?.amount}`);
  const moved = answered(await move(enquiry, second()), 200);
  check(moved.stage_id === second().id, `stage ${moved.stage_id}`);
  return `${amount.amount} ${amount.currency}, to ${second().name}, ${moved.outcome}`;
});

await step("win deal", async () => {
  const goal = stage(({ kind }) => kind === "won");
  const won = answered(await move(offer, goal), 200);
  check(won.outcome === "won", `outcome ${won.outcome}`);
  check(won.stage_id === goal.id && won.closed_at !== null, `stage ${won.stage_id}, closed ${won.closed_at}`);
  const counts = await timeline();
  for (const kind of ["deal", "stage_change"]) check((counts.get(kind) ?? 0) > 1, `${kind} ${counts.get(kind)}`);
  return `${won.outcome}; ${counted(counts)}`;
});

await step("read board", async () => {
  const board = answered(await client.GET("/v1/pipelines/{id}/board", { params: { path: { id: pipeline.id } } }), 200);
  const won = board.stages.find(({ stage }) => stage.kind === "won");
  check(won !== undefined && won.count >= 1, `count ${won?.count}`);
  check(won.deals.some(({ id }) => id === offer.id), "the deal that was won is not on it");
  const sums = won.sums.map(({ amount, currency }) => `${amount} ${currency}`);
  return `${board.stages.length} columns, ${won.stage.name}: ${won.count}, ${sums.join(", ")}`;
});

await step("submit form", async () => {
  const receipt = answered(
    await client.POST("/public/v1/forms/{form_key}/submissions", {
      params: { path: { form_key: formKey } },
      body: {
        fields: { name: newContact.display_name, phone: number, email: address, comment: "Call me" },
        utm: { source: "newsletter" },
        page_url: "https://shop.example/price",
      },
    }),
    202,
  );
  for (let attempt = 0; attempt < 100; attempt++) {
    const query = { contact_id: [contact.id] };
    const leads = answered(await client.GET("/v1/leads", { params: { query } }), 200);
    const lead = leads.data.find((lead) => lead.submission_id === receipt.submission_id);
    if (lead) {
      check(lead.utm.source === "newsletter", `utm ${lead.utm.source}`);
      return `${receipt.status}, lead ${lead.status}; ${counted(await timeline())}`;
    }
    await pause(100);
  }
  throw new Error("no lead after 10 s");
});

await step("invalid body", async () => {
  const body = { display_name: "Nobody", phones: [{ value: "12" }], emails: [{ value: "nowhere" }] };
  const problem = refused(await client.POST("/v1/contacts", { body }), 422, "validation_failed");
  const errors = problem.errors.map((field) => `${field.pointer} ${field.code}`);
  check(errors.includes("/phones/0/value invalid_phone"), errors.join());
  return errors.join(", ");
});

await step("sign out", async () => {
  const { response } = await client.POST("/v1/auth/logout");
  check(response.status === 204, `status ${response.status}`);
  const problem = refused(await client.GET("/v1/me"), 401, "invalid_token");
  return `then ${problem.status} ${problem.code}`;
});
