import type { OneLabel, SettledBy } from "../service/types";
import { Photo } from "../shared/Photo";
import { type Answer, gathered, inWords } from "../store/answer";
import { words } from "../words";
import { Block, MOST_ROWS } from "./Block";
import { type OnTried, useSettling } from "./Contradictions";
import { Row } from "./Row";
import { WhoSettled } from "./WhoSettled";

interface Given {
  labels: readonly OneLabel[];
  by: Readonly<Record<string, SettledBy>>;
  versions: Readonly<Record<string, string>>;
  onTried: OnTried;
}

/** What was settled, the last first; each can be opened again. */
export function Settled({ labels, by, versions, onTried }: Given) {
  const { settledHeading, settledHint } = words.check;
  const byName = [...gathered(labels)].reverse();
  return (
    <Block heading={settledHeading} hint={settledHint} count={byName.length}>
      {byName.slice(0, MOST_ROWS).map(([name, { answer }]) => (
        <OneSettled
          key={name}
          name={name}
          answer={answer}
          by={by[name]}
          version={versions[name] ?? ""}
          onTried={onTried}
        />
      ))}
    </Block>
  );
}

interface One {
  name: string;
  answer: Answer;
  by: SettledBy | undefined;
  version: string;
  onTried: OnTried;
}

function OneSettled({ name, answer, by, ...seen }: One) {
  const settle = useSettling(name, seen.version, seen.onTried);
  return (
    <Row choices={[{ label: words.check.openAgain, settle: () => settle(null) }]}>
      <Photo name={name} side={160} alt={name} />
      <div class="grow">
        <p class="name">
          {name}: {inWords(answer)}
        </p>
        <WhoSettled by={by} />
      </div>
    </Row>
  );
}
