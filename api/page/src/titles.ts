// What a job of each kind is called. Written by `make kinds`.

export const TITLES = {
  selection: "Next batch",
  prediction: "Predictions",
  f1: "Quality",
  learning_curve: "Learning curve",
  audit: "Method audit",
  label_check: "Label check",
  similar: "More like this",
  map: "Map",
};
