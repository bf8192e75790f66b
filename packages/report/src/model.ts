/**
 * What the page shows, as pure JSON: made in Node from files, carried in the page, read there. Text from files is clipped when it
 * is read ({@link shownText}) and shown as text only.
 */

/** Bytes, compressed with gzip, then base64. */
export type Packed = string;

/** Images `[count, H, W, C]` in pixel space: value `low + q·(high − low)/(2^bits − 1)`, where 0 is black and 1 white. */
export interface PackedImages {
  readonly bytes: Packed;
  readonly count: number;
  /** 16: first all high bytes, then all low bytes. */
  readonly bits: 8 | 16;
  readonly low: number;
  readonly high: number;
}

/** Difference of two results in percent points, with the half-width of its 95 % confidence interval. */
export interface Difference {
  readonly mean: number;
  readonly halfWidth: number;
  /** Seeds that both have. */
  readonly n: number;
  /** The interval leaves out zero. */
  readonly real: boolean;
}

/** One evaluation. */
export interface ReportRecord {
  readonly method: string;
  readonly dataset: string;
  readonly zca: boolean;
  readonly ipc: number;
  readonly seed?: number;
  /** Kind of the set's own labels; absent in old records. */
  readonly labels?: string;
  readonly network: string;
  readonly protocol: string;
  readonly seeds: readonly number[];
  /** Percent, one a seed. */
  readonly accuracy: readonly number[];
  readonly mean: number;
  /** Sample standard deviation; absent for one seed. */
  readonly std?: number;
  /** Half-width of the 95 % confidence interval of the mean; absent for one seed. */
  readonly halfWidth?: number;
  /** To the best mean of the same data set, IPC, network and protocol; absent for the best itself and without two common seeds. */
  readonly toBest?: Difference;
  readonly best: boolean;
  readonly bytes: { readonly images: number; readonly labels: number; readonly decoder: number };
  readonly seconds: { readonly distill: number; readonly evaluate: number };
  readonly backend: string;
  readonly precision: string;
  readonly commit: string;
  readonly machine: string;
  readonly date: string;
  /** Content hash of the set. */
  readonly set: string;
  /** Position in {@link ReportData.configs}. */
  readonly config: number;
  /** Position in {@link ReportData.sources}. */
  readonly source: number;
}

/** Mean and spread over repetitions. */
export interface Spread {
  readonly mean: number;
  readonly n: number;
  /** Sample standard deviation; absent for one. */
  readonly std?: number;
  /** Half-width of the 95 % confidence interval of the mean; absent for one. */
  readonly halfWidth?: number;
}

/** What of a set's accuracy is its images', what its labels': neutral protocols, one network. */
export interface LabelComparison {
  readonly method: string;
  readonly dataset: string;
  readonly zca: boolean;
  readonly ipc: number;
  readonly network: string;
  /** Kind of the set's own labels. */
  readonly labels?: string;
  /** Percent; absent where nothing was measured. */
  readonly cells: Readonly<
    Partial<Record<"setHard" | "setSoft" | "setOwn" | "randomHard" | "randomSoft" | "fullHard", Spread>>
  >;
  /** HLR and IOR in percentage points, LRS and ARS times 100; ARS where the set was trained on without augmentation too. */
  readonly scores?: {
    readonly hlr: Spread;
    readonly ior: Spread;
    readonly lrs: Spread;
    readonly ars?: Spread;
  };
  /** Evaluations that the scores, and those that ARS alone, still need: `random images under neutral-soft-v1`. */
  readonly missing: readonly string[];
  readonly missingForAugmentation: readonly string[];
}

/** One term of a run over its steps, thinned: means of neighbours. */
export interface Curve {
  readonly name: string;
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** One distillation. */
export interface ReportRun {
  readonly path: string;
  readonly method: string;
  readonly dataset: string;
  readonly ipc?: number;
  readonly seed: number;
  readonly state: "finished" | "interrupted" | "unfinished";
  readonly step: number;
  readonly steps: number;
  /** Wall seconds of all steps. */
  readonly seconds: number;
  /** Largest number of bytes of live tensors after a step. */
  readonly peakBytes: number;
  readonly backend: string;
  readonly precision: string;
  readonly threads: number;
  readonly machine: string;
  readonly commit: string;
  /** When the last event was written, ISO 8601. */
  readonly last?: string;
  readonly curves: readonly Curve[];
  readonly config: number;
  readonly command: string;
}

/** One condensed set. */
export interface ReportSet {
  readonly hash: string;
  readonly path: string;
  /** Where it lies or, while its run is at work, will: stays the same. */
  readonly id: string;
  /** True while its run is at work: the last state that the run kept. */
  readonly forming: boolean;
  readonly method: string;
  readonly dataset: string;
  readonly ipc: number;
  readonly seed: number;
  readonly iterations: number;
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly classes: readonly string[];
  readonly labelKind: string;
  /** Images of the whole set. */
  readonly size: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
  readonly factor: number;
  /** Positions in the set of the images that the page carries, class by class. */
  readonly shown: readonly number[];
  readonly images: PackedImages;
  /** Class of each image carried. */
  readonly labels: readonly number[];
  /** Probabilities `[shown, K]` as one-row images, where labels are soft. */
  readonly soft?: PackedImages;
  /** The nearest of `searched` training images of the same class to each image carried, in pixel space. */
  readonly nearest?: {
    readonly images: PackedImages;
    readonly positions: readonly number[];
    readonly searched: number;
  };
  /** The same images at earlier steps, and at the end. */
  readonly evolution: readonly { readonly step: number; readonly images: PackedImages }[];
  readonly config: number;
  readonly cite: string;
  readonly command: string;
  readonly provenance: Readonly<Record<string, string>>;
  readonly training?: Training;
  /** Why the page does not train on it; a sentence. */
  readonly untrainable?: string;
}

/** What is needed to train on a set in the page. */
export interface Training {
  /** Position in {@link ReportData.testImages}. */
  readonly test: number;
  /** How pixels become network input. Whitened: the set's images, 16 bits; the matrix is too large to carry. */
  readonly input:
    | { readonly kind: "mean-std"; readonly mean: readonly number[]; readonly std: readonly number[] }
    | { readonly kind: "whitened"; readonly images: PackedImages };
  /** Position in {@link ReportData.whitenedTests}, where the set is whitened. */
  readonly whitenedTest?: number;
  readonly protocol: string;
  /** Complete recipe of the protocol for this data set. */
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Networks to choose from, the quickest first. */
  readonly networks: readonly string[];
  /** As many real images, drawn at random: pixels, or whitened as the set is. */
  readonly random: { readonly images: PackedImages; readonly labels: readonly number[] };
  /** A teacher's scores of the decoded images, `[N·factor², K]` float32: labels that are the same for every view. */
  readonly scores?: Packed;
}

/** A sample of a real test split, the same share of every class. */
export interface TestImages {
  readonly dataset: string;
  /** Raw pixels `[count, H, W, C]`, 8 bits. */
  readonly images: Packed;
  readonly labels: readonly number[];
  /** Images of the whole split. */
  readonly of: number;
}

/** An accuracy that a paper reports. */
export interface Anchor {
  readonly method: string;
  readonly dataset: string;
  readonly ipc: number;
  readonly mean: number;
  readonly std: number;
  readonly source: string;
}

/** Something that could not be read, or only in part. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Everything of one page. */
export interface ReportData {
  readonly format: 1;
  readonly title: string;
  /** ISO 8601. */
  readonly made: string;
  readonly version: string;
  readonly sources: readonly string[];
  /** Configurations as JSON text. */
  readonly configs: readonly string[];
  readonly records: readonly ReportRecord[];
  /** Of every set that was evaluated under a neutral protocol. */
  readonly labelComparisons: readonly LabelComparison[];
  readonly runs: readonly ReportRun[];
  readonly sets: readonly ReportSet[];
  readonly testImages: readonly TestImages[];
  /** The same images as networks of whitened sets see them, by whitening. */
  readonly whitenedTests: readonly PackedImages[];
  readonly anchors: readonly Anchor[];
  readonly citations: readonly { readonly method: string; readonly title: string; readonly cite: string }[];
  readonly problems: readonly Problem[];
  /** Set where a server sends newer data: the addresses to ask, relative to the page. */
  readonly live?: { readonly data: string; readonly load: string };
}

/** What the machine does in one second. */
export interface LoadSample {
  /** Share of the time of all cores that they are busy, 0 to 1. */
  readonly processor: number;
  /** Bytes in use. */
  readonly memory: number;
}

/** The machine of a served page. */
export interface MachineLoad {
  readonly cores: number;
  /** Bytes there are. */
  readonly memory: number;
  /** The latest last, one a second. */
  readonly samples: readonly LoadSample[];
}
