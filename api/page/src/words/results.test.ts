// What results say in Russian, of their codes and numbers.

import { describe, expect, it } from "vitest";
import type { AdviceReason, Audit, AuditArm, ImageReason, MethodReason, SuspectBox } from "../service/types";
import { results } from "./resultsRu";

const picked = (because: Partial<ImageReason>) =>
  results.image({
    reason: "",
    because: { code: "uncertain", unsure_of: [], by_neighbours: false, rare_class: false, ...because },
  });

describe("why an image was picked", () => {
  it("names what was in doubt, and by what", () => {
    const unsure_of = [
      { class: "кот", probability: 0.5 },
      { class: null, probability: 0.4 },
    ];
    expect(picked({ unsure_of })).toBe("модель не уверена: кот 0,50 / что-то 0,40");
    expect(picked({ unsure_of: unsure_of.slice(0, 1), by_neighbours: true, rare_class: true })).toBe(
      "модель не уверена: кот 0,50, если судить по соседям; редкий класс",
    );
  });

  it("is told as the service says it where an older result has no code", () => {
    const item = { reason: "drawn by chance" };
    expect(results.image(item)).toBe("drawn by chance");
    expect(results.image({})).toBe("");
  });
});

describe("why a method was run", () => {
  const because = (more: Partial<MethodReason>): MethodReason => ({ code: "unsure", labels: 0, classes: 0, ...more });
  const said = (more: Partial<MethodReason>, asked = "auto") =>
    results.method({ asked, name: "uherding", why: "as asked", because: because(more) });

  it("says what was labelled, in the three forms that follow a number", () => {
    const known = [1, 2, 5, 21].map((n) => said({ known: "several_classes", labels: n, classes: n }).split(":")[0]);
    expect(known).toEqual(["1 метка 1 класса", "2 метки 2 классов", "5 меток 5 классов", "21 метка 21 класса"]);
  });

  it("is a sentence, which names the method that was asked for", () => {
    expect(said({ code: "asked" })).toBe("Как задано.");
    expect(said({ code: "needs_two_classes", known: "nothing" }, "badge")).toBe(
      "Меток ещё нет, а методу badge нужны два класса.",
    );
    expect(results.method({ asked: "auto", name: "auto", why: "as asked" })).toBe("As asked.");
  });
});

describe("whether to go on", () => {
  const facts = { gain: 0.0441, gain_interval: [0.01, 0.1] as [number, number], worth: 0.0005 };
  const said = (code: AdviceReason["code"], more: Partial<AdviceReason> = {}, n = 21, ofBoxes = false) =>
    results.advice({ verdict: "go_on", sentence: "", because: { code, doubts: [], ...more } }, n, ofBoxes);

  it("says what is expected, and what would be worth its while", () => {
    expect(said("worthwhile", facts)).toBe(
      "Ещё 100 меток прибавят к макро-F1, по прогнозу, 0,044 (от 0,010 до 0,100). Это больше, чем 0,0005, ради которых стоит продолжать.",
    );
    expect(said("maybe_worthwhile", facts, 21, true)).toContain("Ещё 100 размеченных изображений прибавят к mAP при");
  });

  it("says how many labels are too few", () => {
    expect(said("few_labels", { ask_again_at: 60 })).toBe(
      "21 метка — слишком мало, чтобы сказать, что дадут новые. Спросите снова, когда будет 60 меток.",
    );
    expect(said("few_labels", { ask_again_at: 60 }, 22, true)).toContain("22 размеченных изображения —");
    expect(said("still_rising", { ask_again_at: 250 }, 103)).toContain("по 103 меткам, которые");
  });

  it("says what speaks against stopping, or for it", () => {
    const known = { ...facts, kappa: 0.77, coverage: 0.2 };
    expect(said("doubts", { ...known, doubts: ["predictions_change", "pool_not_covered"] })).toContain(
      "но последние метки ещё меняли предсказания (каппа 0,77) и лишь 20\u00a0% пула похоже на что-то размеченное.",
    );
    expect(said("enough", known)).toContain("почти не меняли предсказаний (каппа 0,77), и 20\u00a0% пула");
    expect(said("enough", facts)).toMatch(/ради которых стоит продолжать\.$/);
  });
});

describe("what an audit says", () => {
  const arm = (method: string, more: Partial<AuditArm> = {}): AuditArm => ({
    method,
    labels: [20, 201],
    f1_macro: [0.5, 0.8],
    gain: 0,
    gain_interval: [-0.01, 0.02],
    saved: null,
    saved_interval: null,
    verdict: "no better",
    sentence: "",
    ...more,
  });
  const chance = arm("random");
  const of = (verdict: Audit["verdict"], ...arms: AuditArm[]) => ({ verdict, arms: [chance, ...arms] }) as Audit;
  const better = arm("auto", { verdict: "better", gain: 0.03, saved: 0.41, saved_interval: [0.3, 0.5] });

  it("says of each method what it is worth", () => {
    const said = (one: AuditArm) => results.arm(one, of("better", one));
    expect(said(better)).toBe(
      "auto достигает того же F1, что random за 201 метку (0,800), обходясь без 41\u00a0% из них (95 %: от 30 до 50), и прибавляет к макро-F1 в среднем по раундам 0,030",
    );
    expect(said({ ...better, saved: null })).toMatch(/, но в конце не выше, чем random$/);
    expect(said(arm("vae", { verdict: "worse", gain: -0.02 }))).toBe(
      "vae здесь хуже, чем random: в среднем на 0,020 макро-F1",
    );
    expect(said(arm("bait", { verdict: "unsure" }))).toContain("+0,000 (от −0,010 до +0,020)");
  });

  it("says what all are worth by the best of them, or by the widest interval", () => {
    const other = { ...better, method: "badge", gain: 0.01 };
    expect(results.audit(of("better", other, better))).toMatch(/^По вашим меткам auto достигает .*0,030\.$/);
    const unsure = [0.01, 0.07, 0.02].map((high) => arm("bait", { verdict: "unsure", gain_interval: [-0.01, high] }));
    expect(results.audit(of("unsure", ...unsure))).toContain("от −0,010 до +0,070.");
    expect(results.audit({ ...of(null), sentence: "On your labels." })).toBe("On your labels.");
  });
});

describe("what looks wrong", () => {
  const box: SuspectBox = {
    rank: 1,
    name: "a.png",
    suspicion: "swapped",
    class: "кот",
    suggested: "пёс",
    box: [0, 0, 1, 1],
    predicted_box: [0, 0, 1, 1],
    predicted_score: 0.8,
    score: 0.5,
    reason: "",
  };

  it("says what was drawn and what is predicted", () => {
    expect(results.box(box)).toBe("нарисовано кот, а предсказано пёс 0,80");
    const { predicted_score: _, ...older } = box;
    expect(results.box({ ...older, suspicion: "overlooked" })).toBe("предсказано пёс, а ничего не нарисовано");
  });
});
