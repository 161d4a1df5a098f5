// All that the page says, in English. Components have no words of their own, so another language is another such file.

const LANGUAGE = "en";

const numbers = new Intl.NumberFormat(LANGUAGE);

export const number = (n: number) => numbers.format(n);
export const percent = (share: number, digits = 0) => `${(share * 100).toFixed(digits)}\u00a0%`;
export const score = (f1: number) => f1.toFixed(3);
export const plural = (n: number, one: string, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

export function seconds(s: number): string {
  if (s < 1) return "under a second";
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${(s / 3600).toFixed(1)} h` : plural(Math.round(s / 86_400), "day");
}

export function ago(time: string | null, now = Date.now()): string {
  const s = Math.max(0, (now - new Date(time ?? now).getTime()) / 1000);
  return s < 5 ? "just now" : `${seconds(s)} ago`;
}

const labels = (n: number) => plural(n, "label");
const images = (n: number) => plural(n, "image");

export const words = {
  app: {
    title: (view: string) => `${view} · nextlabel`,
    home: "nextlabel, to labelling",
    toContent: "To the content",
    views: "Views",
    view: {
      label: "Label",
      quality: "Quality",
      check: "Check",
      map: "Map",
      jobs: "Jobs",
      setup: "Set-up",
      similar: "More like this",
    },
    forgetKey: "Forget the key",
    signedInAs: (person: string) => `Your labels are signed ${person}`,
    unforeseen: (what: string) => `Something went wrong in the page: ${what}. Reloading it may help.`,
    viewFailed: "This view could not be shown.",
    reload: "Reload the page",
    close: "Close",
    cancel: "Cancel",
    times: (n: number) => `(${n} times)`,
    brokenImage: "can't be shown",
    loading: "Loading …",
    nowOn: (folder: string) => `Now working on ${folder}, which that job was about.`,
  },

  connection: {
    away: "The service does not answer.",
    goesOn: "The page keeps trying, and goes on by itself. Jobs go on meanwhile.",
    unsaved: (n: number) => `${labels(n)} ${n === 1 ? "waits" : "wait"} here to be saved: leave this tab open.`,
    back: "The service is back.",
  },

  key: {
    title: "A key is needed",
    why: "This service asks who you are. Whoever runs it makes keys with `nextlabel keys create`. The page keeps yours until the last of its tabs is closed.",
    yours: "Your key",
    use: "Use this key",
    unknown: "There is no such key here, or it was revoked.",
  },

  jobs: {
    state: {
      queued: "waiting",
      running: "running",
      cancelling: "stopping",
      succeeded: "done",
      failed: "failed",
      cancelled: "cancelled",
    },
    stage: {
      read: "reading the folder",
      embed: "looking at the images",
      train: "learning from the labels",
      prepare: "preparing",
      choose: "choosing",
      predict: "predicting",
      score: "scoring",
    } as Record<string, string>,
    waiting: "waiting for a worker",
    nobodyThere: "waiting: no worker is there to do it",
    waitingToGoOn: "waiting to go on",
    counted: (done: number, total: number, unit: string) => `${number(done)} of ${number(total)} ${unit}`,
    timeLeft: (s: number) => `${seconds(s)} left`,
    progress: (title: string) => `${title}: progress`,
    ended: (title: string, state: string) => `${title}: ${state}.`,
    wasCancelled: (title: string) => `${title} was cancelled.`,
    noReason: "No reason was given.",
    refused: "This can't be done as it is:",
    asIs: "as of",
    since: (n: number) => `${labels(Math.abs(n))} ${n < 0 ? "fewer" : "more"} since`,
    remarks: (n: number) => plural(n, "remark"),

    list: "Jobs, newest first",
    none: "No job yet. Choose a folder under Set-up.",
    older: "Older ones",
    stale: (when: string) => `As of ${when}: the service does not answer.`,
    byMethod: (n: number, method: string) => `${images(n)} by ${method}`,
    like: (name: string) => `like ${name}`,
    took: (s: number) => `took ${seconds(s)}`,
    attempt: (n: number) => `attempt ${n}`,
    interrupted: (reason: string) => `Interrupted (${reason}), goes on by itself.`,
    warned: (detail: string, count: number) => (count > 1 ? `${detail} (${number(count)})` : detail),
    open: "Open",
    suggestions: "Suggestions",
    suggestionsHint:
      "What the model suggests for these images, as a labels file. They are no labels that a person gave.",
    csv: "CSV",
    retry: "Try again",
    forget: "Forget",
    forgetTitle: "Forget this job?",
    forgetText: (what: string) => `“${what}” and its result are deleted. Labels stay.`,
  },

  labels: {
    notWritten: (why: string) => `Not written: ${why}`,
    notYetWritten: (why: string) => `Not on the disk yet; it is tried again: ${why}`,
    newClassTitle: "A new class?",
    newClass: (name: string) => `There is no class “${name}” yet.`,
    makeClass: (name: string) => `Make the class “${name}”`,
    typeOther: "Type something else",
    otherwiseTitle: "Somebody labelled it otherwise",
    otherwise: (name: string, theirs: string, file: string) => `${name} is ${theirs} in ${file}`,
    yours: (mine: string) => `You say ${mine}.`,
    leaveIt: "Leave it",
    leaveHint: "Both answers are kept, to be settled under Check.",
    replace: (mine: string) => `Replace by ${mine}`,
    more: (n: number) => `… and ${number(n)} more`,
  },

  label: {
    title: "Label",
    noBatch: "No batch yet",
    inBatch: (done: number, all: number) => `${number(done)} of ${number(all)}`,
    thisBatch: "in this batch",
    inAll: (n: number) => `${labels(n)} in all`,
    saving: (n: number) => `saving ${number(n)} …`,
    skippedCount: (n: number) => `${number(n)} skipped`,
    progress: "Labelled in this batch",
    next: "Next batch",
    choosing: "Choosing …",
    keys: "Keys",
    batch: "Batch, best first",
    lookedAt: "The image that is looked at",
    classes: "Classes",
    classByName: "Class by name",
    typeClass: "Type a class",
    label: "Label",
    noClass: "No class yet. Type the first one: what is on this photo?",
    labelsOf: (n: number) => (n === 1 ? "label" : "labels"),
    newClass: (name: string) => `New class “${name}”`,
    takesMatch: (name: string) => `Enter: ${name}`,
    moreClasses: (n: number) => `${number(n)} more; type a part of the name`,
    skip: "Skip",
    takeThisBack: "Take back",
    deleteKey: "Del",
    undo: "Undo",
    similar: "More like this",
    skippedTile: "skipped",
    suggestedTile: (name: string) => `${name}?`,
    tile: (index: number, all: number, name: string, said: string) => `${index} of ${all}: ${name}, ${said}`,
    saidLabelled: (name: string) => `labelled ${name}`,
    saidLabelledBy: (name: string, by: string) => `labelled ${name} by ${by}`,
    saidSuggested: (name: string) => `suggested ${name}`,
    saidNothing: "no label",
    saidSaving: ", not saved yet",
    saidRefused: ", not saved: give it again",
    by: (person: string) => `by ${person}`,
    place: (index: number, all: number) => `${index} / ${all}`,
    probability: (name: string, share: number) => `${name}: ${percent(share)}`,
    cluster: (n: number) => `cluster ${n}`,
    copies: (n: number) => `Same label for its ${plural(n, "near-copy", "near-copies")}`,
    copiesToo: "Near-copies get the same label",
    copiesLeft: "Near-copies are left",
    left: (n: number, suggested: string | null) => `${n} left.${suggested ? ` Next suggested: ${suggested}.` : ""}`,
    allDone: "All of this batch are done.",
    toLabel: (n: number) => `${images(n)} to label.`,
    noSuggestion: "There is no suggestion. Type a class.",
    skippedSaid: (rest: string) => `Skipped. ${rest}`,
    takenBack: (rest: string) => `Taken back. ${rest}`,
    undone: (rest: string) => `Undone. ${rest}`,
    nothingToUndo:
      "There is nothing to undo on this sheet. Delete takes back the label of the image that is looked at.",
    nothingToTakeBack: "This image has no label to take back.",
    nothingLeft: "Nothing is left to label",
    nothingLeftText: "Every image of the pool has a label, was skipped, or is a near-copy of one that has.",
    chosenBy: (method: string) => `Chosen by ${method}`,
    why: (why: string, candidates: number, leftOut: number, withOthers: number) =>
      `${why} Out of ${plural(candidates, "candidate")}${leftOut ? `; ${plural(leftOut, "near-copy", "near-copies")} left out` : ""}${withOthers ? `; ${number(withOthers)} with others left out` : ""}.`,
    restIsHandedOut:
      "All that is left is handed out: it comes back when it is given back, or when its time is over. Above stands with whom it is.",
    skippedTitle: "Skipped images",
    skippedNone: "No image was skipped.",
    skippedText: "These are not proposed again, in this browser, until you bring them back.",
    bringBack: "Bring back",
    bringAllBack: "Bring all back",
    oldBatch: "This is an earlier batch.",
    toNewest: "To the newest",
  },

  handOuts: {
    title: "With whom images are",
    hint: "A batch is a person's for a time, and nobody else gets its images. Every label gives them more time.",
    none: "Nobody has any.",
    count: (others: number, mine: number) =>
      [others ? `${number(others)} with others` : "", mine ? `${number(mine)} more with you` : ""]
        .filter(Boolean)
        .join(", "),
    with: (n: number, person: string, isMe: boolean, until: string, now = Date.now()) =>
      `${images(n)} ${n === 1 ? "is" : "are"} with ${isMe ? "you" : person} for ${seconds((Date.parse(until) - now) / 1000)}`,
    look: "Look",
    takeBack: "Take them back",
    takenBack: (n: number) => `${images(n)} can be handed out again.`,
  },

  similar: {
    title: "More like this",
    looking: "Looking for more like these",
    like: "Like",
    unlike: "Not like",
    again: "Search again",
    back: "Back to the batch",
    mostAlike: "Most alike first",
    such: "Such ones",
    notSuch: "Not such ones",
    likeReason: (name: string) => `like ${name}`,
    nothing: "There is nothing else in the pool.",
    chooseOne: "Choose “More like this” on an image.",
    oneAtLeast: "One image at least must show what is looked for.",
    found: (n: number) => `${images(n)} that look alike.`,
    moreSuch: "More such ones.",
    noneSuch: "None of such ones.",
  },

  quality: {
    title: "Quality",
    curve: "How much more to label",
    curveHint: "Learns from parts of your labels, and forecasts what more of them would bring.",
    forecast: "Forecast",
    f1: "How good it is now",
    f1Hint: "Learns from your labels and is scored on the validation set.",
    f1Missing:
      "Measuring wants a validation set: photos with labels that are never learnt from. Name one under Set-up.",
    measure: "Measure",
    audit: "Does choosing help here?",
    auditHint: "Replays methods on the labels you have, beside chance. Takes a while.",
    auditMissing: (needed: number, there: number) => `A replay needs ${labels(needed)}; there are ${number(there)}.`,
    replay: "Replay",
    verdict: { stop: "You can stop", go_on: "Go on", unsure: "Not clear yet" },
    macroF1: "macro F1",
    labelsAxis: "labels",
    now: "now",
    measured: "measured",
    forecastSeries: "forecast",
    curveAlt: (now: number, best: number, at: number, low: number, high: number) =>
      `Macro F1 by labels: ${score(now)} now, ${score(best)} forecast at ${number(at)} labels, between ${score(low)} and ${score(high)}.`,
    measuredKey: "measured, with the range of its repeats",
    forecastKey: "forecast, with its 95 % range",
    forecastTable: "Forecast",
    columns: ["more labels", "labels in all", "macro F1", "range"],
    extra: (n: number) => `+ ${number(n)}`,
    range: (low: number, high: number) => `${score(low)} to ${score(high)}`,
    forecastNote:
      "A forecast takes further labels to be like those there are. Chosen images are harder than most, so it may come slower at first: the range says more than its middle.",
    heldOut: (n: number) => `Scored on ${images(n)} kept apart.`,
    crossValidated: "Scored by cross-validation on your labels.",
    stability: (n: number, kappa: number) =>
      `On ${images(n)}, the model that learnt from all labels agrees with the one before it: ${agreement(kappa)} (kappa ${kappa.toFixed(2)}; 1 is full agreement).`,
    coverage: (share: number) => `${percent(share)} of the pool lie near a labelled image.`,
    headline: (low: number, high: number, accuracy: number, n: number) =>
      ` · 95 %: ${score(low)} to ${score(high)} · accuracy ${percent(accuracy, 1)} · on ${images(n)}`,
    noTraining: (classes: string) => `${classes}: no label to learn from yet.`,
    noValidation: (classes: string) => `${classes}: in your labels, and not in the validation set.`,
    byClass: "By class",
    byClassColumns: { name: "class", f1: "F1", precision: "precision", recall: "recall", images: "images" },
    f1Of: (f1: number) => `F1 ${score(f1)}`,
    confusion: "Confusion: rows are true, columns predicted",
    frequent: "Most frequent confusions",
    foundRight: (n: number, name: string) => `${images(n)} of ${name} found right`,
    called: (n: number, name: string, predicted: string) => `${images(n)} of ${name} called ${predicted}`,
    calledShort: (name: string, predicted: string, n: number) => `${name} called ${predicted}: ${number(n)}`,
    showThem: (what: string) => `${what}: show them`,
    sure: (share: number) => `${percent(share)} sure`,
    noNames: "This result does not name its images. Measure again to have them.",
    auditAlt: (sentence: string) => `Macro F1 by labels, methods beside chance. ${sentence}`,
  },

  check: {
    title: "Check",
    heading: "Suspicious labels",
    go: "Check all labels",
    hint: "Finds labels that look wrong to a model that has not seen them, near-copies with different labels, and photos that stand in training and validation both.",
    toLookAt: (n: number, all: number) => [labels(n), ` to look at, of ${number(all)}. `] as const,
    few: "With so few labels, the model is wrong more often than you are: look closely.",
    expected: (share: number) => `About ${percent(share, 1)} are expected to be wrong.`,
    list: "Suspicious labels",
    labelled: "labelled",
    exampleOf: "an image labelled",
    noExample: (name: string) => `No other image is labelled ${name} yet.`,
    another: "Another class",
    change: "Change",
    keep: (name: string) => `Keep ${name}`,
    changeTo: (name: string) => `Change to ${name}`,
    undo: "Undo",
    nothingToUndo: "There is nothing to undo here.",
    kept: "kept",
    changed: (name: string) => `changed to ${name}`,
    said: (before: string, at: number, all: number, given: string, suggested: string, reason: string) =>
      `${before}${at} of ${all}: labelled ${given}, looks like ${suggested}. ${reason}`,
    didSay: (given: string, did: string) => `${given} ${did}. `,
    undoneSay: "Undone. ",
    disputes: "You and others see it otherwise",
    disputesHint: "You left these for later. The label on the disk is theirs.",
    theirs: (name: string, person: string) => `${name} (${person})`,
    mine: (name: string) => `${name} (you)`,
    conflicts: "One image, several classes",
    conflictsHint: "Nobody's label counts here, and the image is not asked about again, until you say which is right.",
    conflictIn: (name: string, person: string) => `${name} (${person})`,
    copies: "Near-copies with different labels",
    copiesHint: "The same photo, or nearly, and not the same class.",
    copyOf: (name: string, className: string) => `${name}: ${className}`,
    leaks: "Photos in training and validation both",
    leaksHint: "Scores on them say nothing: the model has seen the answer.",
    identical: "identical",
    nearly: "nearly the same",
    both: (name: string) => `both ${name}`,
    hereAndThere: (here: string, there: string) => `${here} here, ${there} there`,
    heading2: (heading: string, n: number) => `${heading}: ${number(n)}`,
    all: (name: string) => `All ${name}`,
    settled: (n: number, name: string) => `${labels(n)} changed to ${name}.`,
  },

  map: {
    title: "Map",
    heading: "Map of the pool",
    go: "Draw the map",
    hint: "All images in a plane, those that look alike close together, coloured by their labels. Where it is grey, nothing is labelled yet.",
    plane: (n: number) => `Map of ${images(n)}. Arrow keys move from point to point.`,
    role: "map",
    under: "The image under the pointer",
    zoom: "Zoom",
    closer: "Closer",
    farther: "Farther",
    all: "All of it",
    pinned: "Held. Click another point, or Esc to let it go.",
    free: "Click or tap a point to hold it.",
    unlabelled: "unlabelled",
    looksLike: (name: string) => `unlabelled, looks like ${name}`,
    thisBatch: "this batch",
    counted: (n: number, all: number, labelled: number) =>
      `${number(n)} of ${images(all)}, ${number(labelled)} labelled (${percent(labelled / n)})`,
    said: (name: string, what: string) => `${name}: ${what}`,
  },

  setup: {
    title: "Set-up",
    welcome: "Which photos should you label next?",
    welcomeText:
      "Choose a folder of photos and start. You label a few; the service learns from them and says which to label next, how good it is by now, and when to stop.",
    photosAndLabels: "Photos and labels",
    pool: "Folder of photos",
    poolHint: "All images in it and its sub-folders are the pool.",
    labels: "Folder for labels",
    labelsHint: "Each person's labels go to a file of their own in here. It is made if it isn't there.",
    person: "Your name",
    personHint: "Names your labels file.",
    personFile: (file: string) => `Your labels go to ${file}.`,
    add: "Images a batch",
    addHint: "Small batches learn faster; 20 is a good start.",
    validation: "Validation set (optional): to measure quality on photos that are not learnt from",
    valPool: "Validation photos",
    valPoolHint: "Other photos, never learnt from.",
    valLabels: "Validation labels",
    valLabelsHint: "Their labels: a file or a folder.",
    backbone: "Backbone: what looks at the photos",
    noWeights: "weights not here",
    method: "Method: how the next images are chosen",
    recommended: "recommended",
    start: "Start labelling",
    save: "Save and propose the next batch",
    beingChosen: "The first batch is being chosen.",
    imagesIn: (n: number) => `${images(n)} in it`,
    imagesBelow: (n: number, more: boolean) => `${more ? "over " : ""}${images(n)} in its sub-folders`,
    imagesBoth: (here: number, below: number, more: boolean) =>
      `${images(here)} in it, ${more ? "over " : ""}${number(below)} more in its sub-folders`,
    noImages: "There is no image in it.",
    unread: (counts: Record<string, number>) => {
      const each = Object.entries(counts).map(([suffix, count]) => `${number(count)} ${suffix}`);
      return each.length ? `Not read, though they look like images: ${each.join(", ")}.` : "";
    },
    faults: {
      pool: "Choose the folder of your photos.",
      labels: "Choose a folder for labels.",
      person: "A name begins with a letter or digit, and has up to 64 letters, digits and any of . _ @ -",
      add: "A batch has 1 to 1,000 images.",
      bothValidation: "Validation photos and validation labels belong together: name both, or none.",
    },
    fault: (field: string, what: string) => `${field}: ${what}`,
    browse: "Browse",
    browseFor: (what: string) => `Browse: ${what}`,
  },

  picker: {
    up: "To the folder above",
    roots: "Data roots",
    nothing: "Nothing to open in here.",
    more: "There is more in it than is listed; type the path instead.",
    imagesHere: (n: number) => `${images(n)} here`,
    noneHere: "No images in this folder itself",
    use: "Use this folder",
  },

  help: {
    title: "Keys",
    sheets: [
      [
        "Label",
        [
          ["1 … 9, 0, then letters", "the class with that key"],
          ["Enter", "accept the suggestion"],
          ["c or /", "type a class; Enter takes the match, ↓ another one or a new class"],
          ["← → ↑ ↓", "another image"],
          ["s or Space", "skip: not proposed again"],
          ["u or Backspace", "undo"],
          ["Delete", "take the label back"],
          ["y", "near-copies get the same label, or not"],
          ["m", "more images like this one"],
          ["n", "next batch"],
        ],
      ],
      [
        "Check",
        [
          ["k", "keep the label"],
          ["Enter", "change it to the suggested class"],
          ["c or /", "change it to another class"],
          ["← →", "another label"],
          ["u", "undo"],
        ],
      ],
      [
        "Map",
        [
          ["← → ↑ ↓", "move to the nearest point that way"],
          ["Enter", "hold the point, or let it go"],
          ["+ −", "zoom"],
          ["0", "all of it"],
          ["m", "more like this one"],
        ],
      ],
      [
        "Everywhere",
        [
          ["Alt+1 … Alt+6", "the views, in order"],
          ["?", "this sheet"],
          ["Esc", "close, or leave a field"],
        ],
      ],
    ] as [string, [string, string][]][],
    layouts: "Letter keys work on any keyboard layout: what counts is where the key is.",
  },
};

function agreement(kappa: number): string {
  if (kappa > 0.9) return "almost fully";
  if (kappa > 0.75) return "well";
  return kappa > 0.5 ? "in part" : "hardly";
}
