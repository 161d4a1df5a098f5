// How a language writes numbers, and which form of a word follows one.

/** By what Intl.PluralRules says of a number. English has `one` and `other`; Russian `one`, `few` and `many`. */
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

export const capital = (clause: string) => clause.charAt(0).toUpperCase() + clause.slice(1);

export function formats(language: string) {
  const numbers = new Intl.NumberFormat(language);
  const rules = new Intl.PluralRules(language);
  const withDigits = new Map<number, Intl.NumberFormat>();

  const number = (n: number) => numbers.format(n);
  const decimal = (x: number, digits: number) => {
    let format = withDigits.get(digits);
    if (!format) {
      format = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
      withDigits.set(digits, format);
    }
    return format.format(x);
  };
  const form = (n: number, forms: Forms) => forms[rules.select(n)] ?? forms.other;
  return {
    number,
    form,
    decimal,
    percent: (share: number, digits = 0) => `${decimal(share * 100, digits)}\u00a0%`,
    score: (f1: number) => decimal(f1, 3),
    counted: (n: number, forms: Forms) => `${number(n)} ${form(n, forms)}`,
  };
}
