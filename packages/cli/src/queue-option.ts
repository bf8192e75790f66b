import { Option } from "commander";

/** `--queue`, or `LIMBECK_QUEUE`: an address with a password is then in no list of processes. */
export function queueOption(what: string): Option {
  return new Option("--queue <address>", `${what}: redis://host:6379 (or LIMBECK_QUEUE)`).env(
    "LIMBECK_QUEUE",
  );
}
