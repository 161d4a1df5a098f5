// Что сказано в результатах, по-русски: из их кодов и чисел. Новый код без слов здесь — ошибка типов.

import type {
  AdviceReason,
  Audit,
  AuditArm,
  ImageReason,
  MethodReason,
  MethodUsed,
  Picked,
  StopAdvice,
  SuspectBox,
  SuspectLabel,
  SuspectOfSeveral,
} from "../service/types";
import { capital, formats } from "./formats";

const { number, percent, score, decimal, counted } = formats("ru");
const plural = (n: number, one: string, few: string, many: string) => counted(n, { one, few, other: many });
const labels = (n: number) => plural(n, "метка", "метки", "меток");

const IMAGE: Record<ImageReason["code"], string> = {
  region: "представляет часть пула, где меток ещё нет",
  unsure_region: "представляет часть пула, в которой модель не уверена",
  region_or_name: "представляет часть пула или класс, каким его описывает название",
  lies_apart: "представляет изображения, далёкие от всего размеченного",
  typical: "типично для кластера, в котором мало меток",
  far: "далеко от всего размеченного",
  unlike: "не похоже ни на что размеченное",
  hard_to_reconstruct: "не похоже на размеченные: плохо восстанавливается",
  rare_cluster: "из редкого кластера карты",
  uncertain: "модель не уверена",
  changes_model: "метка сильно изменила бы модель",
  tells_much: "многое скажет об остальном пуле",
  guess_changes: "предсказание меняется, если скрыть часть эмбеддинга",
  doubtful_boxes: "рамки на нём сомнительны",
  doubtful_other_boxes: "рамки сомнительны и не похожи на рамки остальных",
  chance: "выбрано наугад",
  second_opinion: "его уже кто-то разметил; что скажете вы?",
};

function image({ code, unsure_of, by_neighbours, rare_class }: ImageReason): string {
  const named = unsure_of.map((one) => `${one.class ?? "что-то"} ${decimal(one.probability, 2)}`).join(" / ");
  return [
    named ? `${IMAGE[code]}: ${named}` : IMAGE[code],
    by_neighbours ? ", если судить по соседям" : "",
    rare_class ? "; редкий класс" : "",
  ].join("");
}

const METHOD: Record<MethodReason["code"], (known: string, asked: string) => string> = {
  asked: () => "как задано",
  whole_pool: (known) => `${known}: изображения, которые представляют весь пул`,
  names: (known) =>
    `${known}, а у классов есть названия: изображения, которые представляют весь пул и каждый класс, каким его описывает название`,
  unsure: (known) => `${known}: изображения, которые представляют всё, в чём модель не уверена`,
  unseen: (known) =>
    `${known}, почти все одного, а некоторые классы встретились по разу, так что есть, наверное, и другие: изображения, которые представляют весь пул, и прежде всего то, что лежит в стороне`,
  needs_two_classes: (known, asked) => `${known}, а методу ${asked} нужны два класса`,
  needs_labels: (known, asked) => `${known}, а метод ${asked} учится на размеченных изображениях`,
  no_embeddings: () => "есть предсказания, но нет эмбеддингов: изображения с самыми неуверенными предсказаниями",
  no_box_yet: () => "рамок, на которых можно учиться, ещё нет: изображения, которые представляют весь пул",
  needs_boxes: (_, asked) => `рамок, на которых можно учиться, ещё нет, а метод ${asked} смотрит на рамки`,
  unsure_boxes: () =>
    "изображения, которые представляют всё, в чём детектор не уверен, а десятая часть представляет весь пул",
  doubtful_boxes: () => "есть предсказания, но нет эмбеддингов: изображения с сомнительными рамками",
  no_box_no_embeddings: () => "в предсказаниях нет рамок, и эмбеддингов нет: наугад",
};

const KNOWN: Record<NonNullable<MethodReason["known"]>, (n: number, classes: number) => string> = {
  nothing: () => "меток ещё нет",
  one_class: () => "размечен только один класс",
  several_classes: (n, classes) => `${labels(n)} ${plural(classes, "класса", "классов", "классов")}`,
  one_class_or_not: (n) => `${labels(n)} одного класса, который у одних изображений есть, а у других нет`,
  all_the_same: () => "все метки говорят одно и то же",
};

const DOUBT: Record<AdviceReason["doubts"][number], (reason: AdviceReason) => string> = {
  predictions_change: ({ kappa }) => `последние метки ещё меняли предсказания (каппа ${decimal(kappa ?? 0, 2)})`,
  pool_not_covered: ({ coverage }) => `лишь ${percent(coverage ?? 0)} пула похоже на что-то размеченное`,
};

type Of = { n: number; ofBoxes: boolean };

const ADVICE: Record<AdviceReason["code"], (reason: AdviceReason, of: Of) => string> = {
  few_labels: ({ ask_again_at }, { n, ofBoxes }) => {
    const [few, enough] = [n, ask_again_at ?? 0].map((all) =>
      ofBoxes
        ? plural(all, "размеченное изображение", "размеченных изображения", "размеченных изображений")
        : labels(all),
    );
    return `${few} — слишком мало, чтобы сказать, что дадут новые. Спросите снова, когда будет ${enough}.`;
  },
  still_rising: ({ ask_again_at }, { n }) =>
    `Новые метки повышают макро-F1, а насколько, сказать нельзя: пока кривая растёт, прогноз по ${plural(n, "метке, которую", "меткам, которые", "меткам, которые")} выбрал метод, слишком радужен. Спросите снова, когда будет ${labels(ask_again_at ?? 0)}.`,
  cant_be_scored: (_, { ofBoxes }) =>
    ofBoxes
      ? "Сказать, что дадут новые размеченные изображения, нельзя. Те, что есть, — не случайная выборка из пула, и оценка на их частях не такая, как на всём пуле. Нарисуйте рамки на изображениях, которые выберет метод random, примерно на 200, и спросите снова только о них."
      : "Сказать, что дадут новые метки, нельзя. Размеченные изображения — не случайная выборка из пула, и оценка на них не такая, как на всём пуле. Разметьте изображения, которые выберет метод random, примерно 200, и спросите снова с ними в качестве валидационной выборки.",
  worthwhile: (reason, of) => `${gained(reason, of)}. Это больше, чем ${worth(reason)}, ради которых стоит продолжать.`,
  maybe_worthwhile: (reason, of) =>
    `${gained(reason, of)}, а продолжать стоит ради ${worth(reason)}. Разметьте ещё один пакет и спросите снова.`,
  doubts: (reason, of) =>
    `${gained(reason, of)}. Это меньше, чем ${worth(reason)}, ради которых стоит продолжать, но ${reason.doubts.map((one) => DOUBT[one](reason)).join(" и ")}.`,
  enough: (reason, of) => {
    const { kappa, coverage } = reason;
    const sure =
      kappa == null || coverage == null
        ? ""
        : `; последние метки почти не меняли предсказаний (каппа ${decimal(kappa, 2)}), и ${percent(coverage)} пула похоже на что-то размеченное`;
    return `${gained(reason, of)}. Это меньше, чем ${worth(reason)}, ради которых стоит продолжать${sure}.`;
  },
};

const worth = (reason: AdviceReason) => String(reason.worth ?? 0).replace(".", ",");

function gained({ gain, gain_interval }: AdviceReason, { ofBoxes }: Of): string {
  const [low, high] = gain_interval ?? [0, 0];
  const [more, what] = ofBoxes ? ["размеченных изображений", "mAP при IoU 0,5"] : ["меток", "макро-F1"];
  return `Ещё 100 ${more} прибавят к ${what}, по прогнозу, ${score(gain ?? 0)} (от ${score(low)} до ${score(high)})`;
}

const signed = (x: number) => `${x < 0 ? "−" : "+"}${score(Math.abs(x))}`;
const between = ([low, high]: readonly [number, number]) => `от ${signed(low)} до ${signed(high)}`;

const ARM: Record<AuditArm["verdict"], (arm: AuditArm, chance: AuditArm) => string> = {
  "no better": ({ method }) => `${method} здесь не лучше, чем random`,
  unsure: ({ method, gain, gain_interval }) =>
    `лучше ли ${method}, чем random, по этим меткам сказать нельзя: прибавка к макро-F1 ${signed(gain)} (${between(gain_interval)})`,
  worse: ({ method, gain }) => `${method} здесь хуже, чем random: в среднем на ${score(-gain)} макро-F1`,
  better: ({ method, gain, saved, saved_interval }, chance) => {
    const more = `прибавляет к макро-F1 в среднем по раундам ${score(gain)}`;
    if (saved == null || !saved_interval || saved <= 0) return `${method} ${more}, но в конце не выше, чем random`;
    const [low, high] = saved_interval.map((share) => number(Math.round(share * 100)));
    const reached = `${method} достигает того же F1, что random за ${plural(chance.labels.at(-1) ?? 0, "метку", "метки", "меток")} (${score(chance.f1_macro.at(-1) ?? 0)})`;
    return `${reached}, обходясь без ${percent(saved)} из них (95 %: от ${low} до ${high}), и ${more}`;
  },
};

const CANT_TELL = "Лучше ли эти методы, чем random, по вашим меткам сказать нельзя";

const AUDIT: Record<NonNullable<Audit["verdict"]>, (audit: Audit) => string> = {
  "not random": () =>
    `${CANT_TELL}: размеченные изображения — не случайная выборка из пула, а среди выбранных и случай выбирает хорошо.`,
  unsure: ({ arms }) => {
    const unsure = arms.filter((one) => one.verdict === "unsure").map((one) => one.gain_interval);
    const widest = unsure.reduce((one, other) => (other[1] > one[1] ? other : one), unsure[0] ?? [0, 0]);
    return `${CANT_TELL}: прибавка к макро-F1 может быть любой ${between(widest)}. Больше скажут новые метки или повторы.`;
  },
  "no better": () => "По вашим меткам ни один из этих методов не лучше, чем random: случай не хуже, и он даром.",
  better: ({ arms }) => {
    const better = arms.filter((one) => one.verdict === "better");
    const best = better.reduce((one, other) => (other.gain > one.gain ? other : one));
    return `По вашим меткам ${ARM.better(best, arms[0]!)}.`;
  },
};

const probability = (p: number | null | undefined) => (p == null ? "" : ` ${decimal(p, 2)}`);

const BOX: Record<SuspectBox["suspicion"], (box: SuspectBox) => string> = {
  overlooked: ({ suggested, predicted_score: sure }) =>
    `предсказано ${suggested}${probability(sure)}, а ничего не нарисовано`,
  swapped: ({ class: drawn, suggested, predicted_score: sure }) =>
    `нарисовано ${drawn}, а предсказано ${suggested}${probability(sure)}`,
  badly_placed: ({ class: drawn, predicted_score: sure }) => `${drawn}${probability(sure)} предсказано рядом`,
  spurious: () => "здесь ничего не предсказано",
};

/** Старые результаты кодов не знают: о них сказано, как сказал сервис. */
export const results = {
  image: ({ reason = "", because }: Picked) => (because ? image(because) : reason),
  method: ({ asked, why, because }: MethodUsed) => {
    const known = because?.known ? KNOWN[because.known](because.labels, because.classes) : "";
    return `${capital(because ? METHOD[because.code](known, asked) : why)}.`;
  },
  advice: ({ sentence, because }: StopAdvice, n: number, ofBoxes: boolean) =>
    because ? ADVICE[because.code](because, { n, ofBoxes }) : sentence,
  audit: (audit: Audit) => (audit.verdict ? AUDIT[audit.verdict](audit) : audit.sentence),
  arm: (arm: AuditArm, { arms }: Audit) => ARM[arm.verdict](arm, arms[0]!),
  label: ({ given, suggested, given_probability, confidence }: SuspectLabel) =>
    `размечено ${given} (${decimal(given_probability, 2)}), похоже на ${suggested} (${decimal(confidence, 2)})`,
  oneOfSeveral: ({ class: name, miss, probability: p }: SuspectOfSeveral) =>
    miss === "surplus"
      ? `размечено ${name}, а это маловероятно (${decimal(p, 2)})`
      : `не размечено ${name} (${decimal(p, 2)})`,
  box: (box: SuspectBox) => BOX[box.suspicion](box),
};

export type Results = typeof results;
