// Names for what the service sends, taken from the types that are made of its OpenAPI document.

import type { components } from "./schema";

type Schemas = components["schemas"];

/** Of classes of whole images. */
export type TaskOfClasses = Schemas["LabelsGiven"]["task"];
export type Task = TaskOfClasses | "detection";
export type Job = Schemas["JobView"];
export type JobState = Job["state"];
export type JobPage = Schemas["JobList"];
export type Progress = Schemas["Progress"];
export type Folder = Schemas["Folder"];
export type LabelsView = Schemas["LabelsView"];
export type ClassesView = Schemas["ClassesView"];
export type ClassView = Schemas["ClassView"];
export type DeclaredClass = Schemas["DeclaredClass"];
export type SettledBy = Schemas["SettledByView"];
export type OneLabel = Schemas["OneLabel"];
export type LabelGiven = Schemas["LabelGiven"];
export type LabelsWritten = Schemas["LabelsWritten"];
export type BoxesView = Schemas["BoxesView"];
export type ImageBoxes = Schemas["ImageBoxes"];
export type OneBox = Schemas["OneBox"];
export type ImageGiven = Schemas["ImageGiven"];
export type BoxesWritten = Schemas["BoxesGivenView"];
export type BoxesSettled = Schemas["BoxesSettledView"];
export type Note = Schemas["NoteView"];
export type NotesView = Schemas["NotesView"];
export type KeptApart = Schemas["ValidationView"];
export type KeptProject = Schemas["ProjectView"];
export type ProjectList = Schemas["ProjectList"];
export type Pace = Schemas["PaceView"];
export type PaceList = Schemas["PaceList"];
export type ExportSize = Schemas["ExportSize"];
export type PoolPage = Schemas["PoolPage"];
export type PoolImage = Schemas["PoolImage"];
export type HandOut = Schemas["HandOutView"];
export type HandOutList = Schemas["HandOutList"];
export type GivenBack = Schemas["GivenBack"];
export type ProblemDocument = Pick<Schemas["Problem"], "code" | "detail"> & Partial<Schemas["Problem"]>;
export type FaultView = Schemas["FaultView"];

export type Forecast = Schemas["Forecast"];
export type Audit = Schemas["AuditResult"];
export type AuditArm = Schemas["AuditArm"];
export type ClassProbability = Schemas["ClassProbability"];
export type Skipped = Schemas["Skipped"];

/** Of one class an image. */
export type OneF1 = Schemas["F1Result"];
export type OneCurve = Schemas["LearningCurveResult"];
export type OneCheck = Schemas["LabelCheckResult"];
export type OneMap = Schemas["MapResult"];
/** Of several; each says its `task`. */
export type SeveralF1 = Schemas["MultilabelF1Result"];
export type SeveralCheck = Schemas["MultilabelLabelCheckResult"];
/** Of boxes. */
export type BoxesF1 = Schemas["DetectionF1Result"];
export type BoxesCheck = Schemas["DetectionLabelCheckResult"];
export type BoxesCurve = Schemas["DetectionLearningCurveResult"];
export type BoxesSimilar = Schemas["DetectionSimilarResult"];
export type BoxesMap = Schemas["DetectionMapResult"];
export type SeveralMap = Schemas["MultilabelMapResult"];

/** What results say in sentences, and why: by codes, for other languages than English. */
export interface Picked {
  reason?: string;
  because?: ImageReason | null;
}
export type ImageReason = Schemas["ImageReason"];
export type MethodUsed = Schemas["MethodUsed"];
export type MethodReason = Schemas["MethodReason"];
export type StopAdvice = Schemas["StopAdvice"];
export type AdviceReason = Schemas["AdviceReason"];
export type SuspectLabel = OneCheck["items"][number];
export type SuspectOfSeveral = SeveralCheck["items"][number];
export type SuspectBox = BoxesCheck["items"][number];

export type Agreement = Schemas["AgreementResult"];

export interface Results {
  selection: Schemas["SelectionResult"] | Schemas["MultilabelSelectionResult"];
  prediction: Schemas["PredictionResult"] | Schemas["MultilabelPredictionResult"];
  f1: OneF1 | SeveralF1 | BoxesF1;
  learning_curve: OneCurve | BoxesCurve;
  audit: Audit;
  agreement: Agreement;
  label_check: OneCheck | SeveralCheck;
  similar: Schemas["SimilarResult"] | Schemas["MultilabelSimilarResult"];
  map: OneMap | SeveralMap | BoxesMap;
  embedding: Schemas["EmbeddingResult"];
}
export type Kind = keyof Results;

interface Requests {
  selection: Schemas["SelectionRequest"];
  prediction: Schemas["PredictionRequest"];
  f1: Schemas["F1Request"];
  learning_curve: Schemas["LearningCurveRequest"];
  audit: Schemas["AuditRequest"];
  agreement: Schemas["AgreementRequest"];
  label_check: Schemas["LabelCheckRequest"];
  similar: Schemas["SimilarRequest"];
  map: Schemas["MapRequest"];
  embedding: Schemas["EmbeddingRequest"];
}
/** What is left out, the service fills in. */
export type RequestFor<K extends Kind> = { kind: K } & Partial<Omit<Requests[K], "kind" | "method" | "task">> & {
    method?: string;
    task?: Task;
  };

/** `GET /capabilities`, as far as the page looks at it. */
export interface Capabilities {
  backbones: { name: string; summary: string; weights_here: boolean }[];
  methods: { name: string; summary: string; use?: string; tasks?: string[] }[];
  questions: Partial<Record<Kind, { tasks: readonly string[] }>>;
}
