// Written by `pnpm gen` from the folders of packages/methods. Do not edit.
import { atom, datadam, dc, dm, dsa, idc, idm, ncfm } from "@limbeck/attention-matching";
import { cda, edc, gvbsm, infer, rded, sre2l } from "@limbeck/curriculum-synthesis";
import { el2n, forgetting, herding, kCenter, kMeans, random } from "@limbeck/selection";
import { ast, datm, ftd, mtt, tesla } from "@limbeck/trajectory-matching";
import type { DistillationMethod } from "@limbeck/core";

/** Every method of this workspace, by name. */
export const methods: readonly DistillationMethod[] = [
  ast,
  atom,
  cda,
  datadam,
  datm,
  dc,
  dm,
  dsa,
  edc,
  el2n,
  forgetting,
  ftd,
  gvbsm,
  herding,
  idc,
  idm,
  infer,
  kCenter,
  kMeans,
  mtt,
  ncfm,
  random,
  rded,
  sre2l,
  tesla,
];
