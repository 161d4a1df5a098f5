// What is no model's guess: near-copies that disagree, leaks.

import type { OneCheck, Results, SeveralCheck } from "../service/types";
import { Photo } from "../shared/Photo";
import { theProject } from "../store/project";
import { withClass, withoutClass } from "../store/suspects";
import { words } from "../words";
import { Block, MOST_ROWS } from "./Block";
import { allOf, type Choice, Choices, settleEach } from "./Choices";
import { Row } from "./Row";

const MOST_COPIES = 6;

export function Others({ result }: { result: Results["label_check"] }) {
  const { leaks } = result;
  const { check } = words;
  const { valPool } = theProject();
  return (
    <div class="others">
      {"task" in result ? <SeveralCopies result={result} /> : <Copies result={result} />}
      <Block heading={check.leaks} hint={check.leaksHint} count={leaks.length}>
        {leaks.slice(0, MOST_ROWS).map((one) => (
          <li key={`${one.name} ${one.validation_name}`}>
            <Photo name={one.name} side={160} alt={one.name} />
            {valPool && <Photo pool={valPool} name={one.validation_name} side={160} alt={one.validation_name} />}
            <p class="grow small">
              <span class="name">
                {one.name} ↔ {one.validation_name}
              </span>
              <span class="hint">
                {one.identical ? check.identical : check.nearly};{" "}
                {one.class === one.validation_class
                  ? check.both(one.class)
                  : check.hereAndThere(one.class, one.validation_class)}
              </span>
            </p>
          </li>
        ))}
      </Block>
    </div>
  );
}

function Copies({ result }: { result: OneCheck }) {
  const { check } = words;
  const copies = result.copies_that_disagree;
  return (
    <Block heading={check.copies} hint={check.copiesHint} count={copies.length}>
      {copies.slice(0, MOST_ROWS).map(({ names, classes }) => (
        <Row key={names[0]} choices={[...new Set(classes)].map((one) => allOf(names, one))}>
          <Strip names={names} />
          <p class="grow small">
            {names
              .slice(0, MOST_COPIES)
              .map((name, at) => check.copyOf(name, classes[at] ?? classes.join(" / ")))
              .join(", ")}
          </p>
        </Row>
      ))}
    </Block>
  );
}

function SeveralCopies({ result }: { result: SeveralCheck }) {
  const { check } = words;
  const copies = result.copies_that_disagree;
  const both = (names: readonly string[], one: string): Choice[] => [
    { label: check.haveIt(one), settle: () => settleEach(names, (now) => withClass(now, one)) },
    { label: check.lackIt(one), settle: () => settleEach(names, (now) => withoutClass(now, one)) },
  ];
  return (
    <Block heading={check.copies} hint={check.copiesHint} count={copies.length}>
      {copies.slice(0, MOST_ROWS).map(({ names, classes }) => (
        <li key={names.join()}>
          <Strip names={names} />
          <p class="grow small">{check.severalCopies(names.slice(0, MOST_COPIES).join(", "), classes.join(", "))}</p>
          {classes.map((one) => (
            <Choices key={one} choices={both(names, one)} />
          ))}
        </li>
      ))}
    </Block>
  );
}

function Strip({ names }: { names: readonly string[] }) {
  return (
    <div class="strip">
      {names.slice(0, MOST_COPIES).map((name) => (
        <Photo key={name} name={name} side={160} alt={name} />
      ))}
    </div>
  );
}
