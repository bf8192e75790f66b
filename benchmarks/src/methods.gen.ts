// Written by `pnpm gen` from the folders of packages/methods. Do not edit.
import { datadam, dc, dm, dsa, idc } from "@limbeck/attention-matching";
import { ast, datm, ftd, mtt, tesla } from "@limbeck/trajectory-matching";
import type { DistillationMethod } from "@limbeck/core";

/** Every method of this workspace, by name. */
export const methods: readonly DistillationMethod[] = [ast, datadam, datm, dc, dm, dsa, ftd, idc, mtt, tesla];
