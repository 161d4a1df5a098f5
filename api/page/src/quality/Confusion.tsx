import type { OneF1 } from "../service/types";
import { open } from "../store/notices";
import { number, words } from "../words";
import { Gallery } from "./Gallery";

const MOST_CLASSES = 25;
const MOST_PAIRS = 25;
const { quality } = words;

interface Given {
  result: OneF1;
}
/** `n` validation images of class number `t` that were called class number `p`. */
interface Cell {
  n: number;
  t: number;
  p: number;
}

/** Which classes are taken for which; a cell shows its images. */
export function Confusion({ result }: Given) {
  const { classes, matrix } = result.confusion;
  if (classes.length > MOST_CLASSES) return <Largest result={result} />;
  const most = Math.max(1, ...matrix.flat());
  return (
    <div class="scroll">
      <table class="confusion">
        <caption>{quality.confusion}</caption>
        <thead>
          <tr>
            <td />
            {classes.map((name) => (
              <th key={name} scope="col" title={name}>
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, t) => (
            <tr key={classes[t]}>
              <th scope="row">{classes[t]}</th>
              {row.map((n, p) => (
                <Figure key={classes[p]} result={result} cell={{ n, t, p }} most={most} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Figure({ result, cell, most }: Given & { cell: Cell; most: number }) {
  const { n, t, p } = cell;
  if (!n) return <td class="zero">·</td>;
  const style = { "--share": (0.12 + 0.38 * Math.sqrt(n / most)).toFixed(3) };
  return (
    <td class={t === p ? "right" : "wrong"} style={style}>
      {t === p ? (
        <span role="img" aria-label={inWords(result, cell)}>
          {number(n)}
        </span>
      ) : (
        <button type="button" aria-label={quality.showThem(inWords(result, cell))} onClick={() => show(result, cell)}>
          {number(n)}
        </button>
      )}
    </td>
  );
}

function Largest({ result }: Given) {
  const { classes, matrix } = result.confusion;
  const wrong = matrix
    .flatMap((row, t) => row.map((n, p) => ({ n, t, p })))
    .filter(({ n, t, p }) => n && t !== p)
    .sort((a, b) => b.n - a.n);
  return (
    <div>
      <h3>{quality.frequent}</h3>
      <ul class="plain">
        {wrong.slice(0, MOST_PAIRS).map((cell) => (
          <li key={`${cell.t} ${cell.p}`}>
            <button type="button" onClick={() => show(result, cell)}>
              {quality.calledShort(classes[cell.t]!, classes[cell.p]!, cell.n)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function inWords({ confusion: { classes } }: OneF1, { n, t, p }: Cell): string {
  return t === p ? quality.foundRight(n, classes[t]!) : quality.called(n, classes[t]!, classes[p]!);
}

function show(result: OneF1, cell: Cell): void {
  const { classes } = result.confusion;
  const found = (result.misses ?? []).filter(
    (one) => one.class === classes[cell.t] && one.predicted === classes[cell.p],
  );
  void open<never>(
    inWords(result, cell),
    () =>
      found.length ? (
        <Gallery images={found.map((one) => ({ name: one.name, said: quality.sure(one.confidence) }))} />
      ) : (
        <p class="prose">{quality.noNames}</p>
      ),
    true,
  );
}
