import { readFileSync } from "node:fs";
import { exit } from "node:process";

interface Demo {
  users: { role: string; email: string; password: string }[];
  form_key: string;
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export const url = setting("KARTOTEKA_URL");

const demo: Demo = JSON.parse(readFileSync(setting("KARTOTEKA_DEMO"), "utf8"));
const administrator = demo.users.find((user) => user.role === "administrator");
if (!administrator) throw new Error("the demo has no administrator");
export const { email, password } = administrator;
export const formKey = demo.form_key;

export function check(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Error(why);
}

/** Runs one step; its answer is what the line of the log tells. */
export async function step(name: string, body: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok   ${name}: ${await body()}`);
  } catch (error) {
    console.log(`FAIL ${name}: ${error instanceof Error ? error.message : String(error)}`);
    exit(1);
  }
}

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const random = (length: number) => Array.from({ length }, () => Math.floor(Math.random() * 10)).join("");

export const counted = (counts: Map<string, number>) =>
  [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([key, count]) => `${key} ${count}`).join(", ");

/** Makes a switch over a closed union a compile error when a variant is missing. */
export function unreachable(value: never): never {
  throw new Error(`an unknown variant: ${JSON.stringify(value)}`);
}
