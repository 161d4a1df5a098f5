// Names for what the service sends, taken from the types that are made of its OpenAPI document.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Job = Schemas["JobView"];
export type JobState = Job["state"];
export type JobPage = Schemas["JobList"];
export type Progress = Schemas["Progress"];
export type Folder = Schemas["Folder"];
export type LabelsView = Schemas["LabelsView"];
export type OneLabel = Schemas["OneLabel"];
export type LabelGiven = Schemas["LabelGiven"];
export type LabelsWritten = Schemas["LabelsWritten"];
export type HandOut = Schemas["HandOutView"];
export type HandOutList = Schemas["HandOutList"];
export type GivenBack = Schemas["GivenBack"];
export type ProblemDocument = Pick<Schemas["Problem"], "code" | "detail"> & Partial<Schemas["Problem"]>;
export type FaultView = Schemas["FaultView"];

export type SelectionItem = Schemas["SelectionItem"];
export type SuspiciousLabel = Schemas["SuspiciousLabel"];
export type Forecast = Schemas["Forecast"];
export type AuditArm = Schemas["AuditArm"];
export type ClassProbability = Schemas["ClassProbability"];
export type Skipped = Schemas["Skipped"];

export interface Results {
  selection: Schemas["SelectionResult"];
  prediction: Schemas["PredictionResult"];
  f1: Schemas["F1Result"];
  learning_curve: Schemas["LearningCurveResult"];
  audit: Schemas["AuditResult"];
  label_check: Schemas["LabelCheckResult"];
  similar: Schemas["SimilarResult"];
  map: Schemas["MapResult"];
}
export type Kind = keyof Results;

interface Requests {
  selection: Schemas["SelectionRequest"];
  prediction: Schemas["PredictionRequest"];
  f1: Schemas["F1Request"];
  learning_curve: Schemas["LearningCurveRequest"];
  audit: Schemas["AuditRequest"];
  label_check: Schemas["LabelCheckRequest"];
  similar: Schemas["SimilarRequest"];
  map: Schemas["MapRequest"];
}
/** What is left out, the service fills in. */
export type RequestFor<K extends Kind> = { kind: K } & Partial<Omit<Requests[K], "kind" | "method">> & {
    method?: string;
  };

/** `GET /capabilities`, as far as the page looks at it. */
export interface Capabilities {
  backbones: { name: string; summary: string; weights_here: boolean }[];
  methods: { name: string; summary: string; use?: string }[];
}
