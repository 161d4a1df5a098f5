import type { ComponentChildren } from "preact";

/** What stands over a column: words over words, or over figures, which may be `span` cells wide. */
type Column = string | { text: string; span: number };

interface Given {
  caption: string;
  isOnlyHeard?: boolean;
  kind?: string;
  columns: readonly Column[];
  children: ComponentChildren;
}

/** A table of figures. */
export function Figures({ caption, isOnlyHeard, kind, columns, children }: Given) {
  return (
    <div class="scroll">
      <table class={kind ? `figures ${kind}` : "figures"}>
        <caption class={isOnlyHeard ? "only-heard" : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((one) =>
              typeof one === "string" ? (
                <th key={one} scope="col">
                  {one}
                </th>
              ) : (
                <th key={one.text} scope="col" class="num" colSpan={one.span}>
                  {one.text}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export const num = (text: string, span = 1): Column => ({ text, span });

/** Columns of figures after so many of words. */
export function figuresAfter(words: number, texts: readonly string[]): Column[] {
  return texts.map((text, at) => (at < words ? text : num(text)));
}
