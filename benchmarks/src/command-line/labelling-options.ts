import { clipModels, projectorPresets } from "@limbeck/label-lightening";
import { Option, type Command } from "commander";

/** What the options of {@link withLabellingOptions} give. */
export interface LabellingFlags {
  readonly teacher: string;
  readonly teacherNetwork?: string;
  readonly renormalise?: true;
  readonly encoder?: string;
  readonly encoderNetwork?: string;
  readonly merges?: string;
  readonly prompt?: string;
  readonly projector: keyof typeof projectorPresets;
}

/** Adds what every command that makes labels asks for: the teacher, and the projector of `hello`. */
export function withLabellingOptions(command: Command): Command {
  return command
    .requiredOption("--teacher <file>", "a trained network as safetensors")
    .option("--teacher-network <name>", "its network, where the file is a checkpoint in torchvision's naming")
    .option("--renormalise", "convert images to the teacher's normalisation where it differs")
    .option("--encoder <file>", "hello: a trained network that both sides have (default: the teacher)")
    .option(
      "--encoder-network <name>",
      `as --teacher-network; or ${Object.keys(clipModels).join(", ")}, in their published layout`,
    )
    .option(
      "--merges <file>",
      "hello with a CLIP: its tokenizer, so that the head starts from the class names",
    )
    .option("--prompt <text>", "hello with a CLIP: {} stands for the class (default: a photo of a {}.)")
    .addOption(
      new Option("--projector <preset>", "hello: ranks and training of the projector")
        .choices(Object.keys(projectorPresets))
        .default("small-images"),
    );
}
