import { words } from ".";

const PATH = /^(['"]).*?\1/;

/** What the service says of a fault, or warns of, in the language of who reads it. Where the catalogue has words for the code, those
 * of the service follow, since they name files, lines and numbers; of a path, only the path. */
export function inWords({ code, detail }: { code: string; detail: string }): string {
  const said = words.codes[code];
  if (!said) return detail;
  const path = code.startsWith("path_") && PATH.exec(detail)?.[0];
  return path ? `${path}: ${said}` : `${said} (${detail})`;
}
