import type { OneLabel } from "../service/types";
import { Photo } from "../shared/Photo";
import { type Answer, gathered, inWords } from "../store/answer";
import { words } from "../words";
import { Block, MOST_ROWS } from "./Block";
import { type OnTried, useSettling } from "./Contradictions";
import { Row } from "./Row";

interface Given {
  labels: readonly OneLabel[];
  versions: Readonly<Record<string, string>>;
  onTried: OnTried;
}

/** What was settled, the last first; each can be opened again. */
export function Settled({ labels, versions, onTried }: Given) {
  const { settledHeading, settledHint } = words.check;
  const byName = [...gathered(labels)].reverse();
  return (
    <Block heading={settledHeading} hint={settledHint} count={byName.length}>
      {byName.slice(0, MOST_ROWS).map(([name, { answer }]) => (
        <OneSettled key={name} name={name} answer={answer} version={versions[name] ?? ""} onTried={onTried} />
      ))}
    </Block>
  );
}

function OneSettled({ name, answer, ...seen }: { name: string; answer: Answer; version: string; onTried: OnTried }) {
  const settle = useSettling(name, seen.version, seen.onTried);
  return (
    <Row choices={[{ label: words.check.openAgain, settle: () => settle(null) }]}>
      <Photo name={name} side={160} alt={name} />
      <p class="grow name">
        {name}: {inWords(answer)}
      </p>
    </Row>
  );
}
