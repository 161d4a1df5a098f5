import { useEffect } from "preact/hooks";
import type { Results } from "../service/types";
import { Heading } from "../shared/Heading";
import { useLifetime } from "../shared/lifetime";
import { useRefused } from "../shared/refused";
import { survey } from "../store/drawings";
import { load, total } from "../store/labels";
import { isBoxes, isSeveral, onePool, theProject, theTask } from "../store/project";
import { apart, scoredBy } from "../store/validation";
import { words } from "../words";
import { Agreement } from "./Agreement";
import { Audit } from "./Audit";
import { BoxesF1 } from "./BoxesF1";
import { Curve } from "./Curve";
import { F1 } from "./F1";
import { KeepApart } from "./KeepApart";
import { People } from "./People";
import { ReportButton } from "./ReportButton";
import { Section } from "./Section";
import { SeveralClassesF1 } from "./SeveralClassesF1";
import "./quality.css";

const LEAST_FOR_AUDIT = 60; // core refuses fewer
const sum = (all: Iterable<number>) => [...all].reduce((one, other) => one + other, 0);

function drawF1(result: Results["f1"]) {
  if (!("task" in result)) return <F1 result={result} />;
  return result.task === "detection" ? <BoxesF1 result={result} /> : <SeveralClassesF1 result={result} />;
}

const f1Missing = () => (apart.value?.images ? words.validation.noneLabelled : words.quality.f1Missing);

export function QualityView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const named = params.get("job");
  const kind = params.get("kind");
  const { backbone, pool, labels, valPool, valLabels } = theProject();
  const hasNamed = !!valPool && !!valLabels;
  const there = total.value;

  const { orShown, refused } = useRefused();
  useEffect(() => {
    void orShown(() => (isBoxes() ? survey(lifetime) : load([], lifetime)));
  }, []);

  return (
    <div class="view">
      <Heading action={<ReportButton />}>{words.quality.title}</Heading>
      {refused}
      <Section
        kind="learning_curve"
        heading={words.quality.curve}
        hint={isBoxes() ? words.quality.boxes.curve.curveHint : words.quality.curveHint}
        verb={words.quality.forecast}
        named={kind === "learning_curve" ? named : null}
        request={() => ({ kind: "learning_curve", ...onePool(), ...scoredBy() })}
        labelsIn={(result) => ("task" in result ? result.images : result.labels)}
        draw={(result) => <Curve result={result} />}
      />
      <Section
        kind="f1"
        heading={words.quality.f1}
        hint={words.quality.f1Hint}
        verb={words.quality.measure}
        named={kind === "f1" ? named : null}
        before={hasNamed ? null : <KeepApart />}
        missing={hasNamed || apart.value?.labelled ? null : f1Missing()}
        request={() => ({
          kind: "f1",
          ...(isBoxes() ? { task: "detection" } : { backbone, ...theTask() }),
          path_to_img_train: pool,
          path_to_labels_train: labels,
          ...scoredBy(),
        })}
        labelsIn={(result) => ("task" in result ? null : sum(Object.values(result.head.images_per_class)))}
        draw={drawF1}
      />
      {!isBoxes() && !isSeveral() && (
        <Section
          kind="agreement"
          heading={words.agreement.heading}
          hint={words.agreement.hint}
          verb={words.agreement.go}
          named={kind === "agreement" ? named : null}
          request={() => ({ kind: "agreement", ...onePool() })}
          labelsIn={(result) => result.labels}
          draw={(result) => <Agreement result={result} />}
        />
      )}
      <People />
      {!isBoxes() && (
        <Section
          kind="audit"
          heading={words.quality.audit}
          hint={words.quality.auditHint}
          verb={words.quality.replay}
          named={kind === "audit" ? named : null}
          missing={
            there !== null && there < LEAST_FOR_AUDIT ? words.quality.auditMissing(LEAST_FOR_AUDIT, there) : null
          }
          request={() => ({ kind: "audit", ...onePool(), ...scoredBy() })}
          labelsIn={(result) => result.images}
          draw={(result) => <Audit result={result} />}
        />
      )}
    </div>
  );
}
