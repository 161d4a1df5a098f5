// A set of indices that may have a million of them: ranges, ascending, none touching another. Each is [first, end).

export type Range = readonly [number, number];

export class Ranges {
  static readonly none = new Ranges([]);
  readonly all: readonly Range[];
  readonly size: number;

  private constructor(all: readonly Range[]) {
    this.all = all;
    this.size = all.reduce((sum, [first, end]) => sum + end - first, 0);
  }

  /** Those from one to another, both of them included, whichever is less. */
  static between(one: number, other: number): Ranges {
    return new Ranges([[Math.min(one, other), Math.max(one, other) + 1]]);
  }

  has(index: number): boolean {
    let [low, high] = [0, this.all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle]![1] <= index) low = middle + 1;
      else high = middle;
    }
    const found = this.all[low];
    return !!found && found[0] <= index;
  }

  with({ all }: Ranges): Ranges {
    const merged: [number, number][] = [];
    for (const [first, end] of [...this.all, ...all].sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last && first <= last[1]) last[1] = Math.max(last[1], end);
      else merged.push([first, end]);
    }
    return new Ranges(merged);
  }

  without({ all }: Ranges): Ranges {
    let left = [...this.all];
    for (const [first, end] of all) {
      left = left.flatMap(([a, b]): Range[] => {
        if (b <= first || a >= end) return [[a, b]];
        return (
          [
            [a, first],
            [end, b],
          ] as Range[]
        ).filter(([from, to]) => from < to);
      });
    }
    return new Ranges(left);
  }

  toggled(index: number): Ranges {
    const one = Ranges.between(index, index);
    return this.has(index) ? this.without(one) : this.with(one);
  }
}
