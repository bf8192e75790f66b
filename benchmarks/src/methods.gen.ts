// Written by `pnpm gen` from the folders of packages/methods. Do not edit.
import { atom, datadam, dc, dm, dsa, idc, idm, ncfm } from "@limbeck/attention-matching";
import { el2n, forgetting, herding, kCenter, kMeans, random } from "@limbeck/selection";
import { ast, datm, ftd, mtt, tesla } from "@limbeck/trajectory-matching";
import type { DistillationMethod } from "@limbeck/core";

/** Every method of this workspace, by name. */
export const methods: readonly DistillationMethod[] = [
  ast,
  atom,
  datadam,
  datm,
  dc,
  dm,
  dsa,
  el2n,
  forgetting,
  ftd,
  herding,
  idc,
  idm,
  kCenter,
  kMeans,
  mtt,
  ncfm,
  random,
  tesla,
];
