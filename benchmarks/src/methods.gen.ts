// Written by `pnpm gen` from the folders of packages/methods. Do not edit.
import { atom, datadam, dc, dm, dsa, idc, idm, ncfm } from "@limbeck/attention-matching";
import { cda, edc, gvbsm, infer, rded, sre2l } from "@limbeck/curriculum-synthesis";
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
  ftd,
  gvbsm,
  idc,
  idm,
  infer,
  mtt,
  ncfm,
  rded,
  sre2l,
  tesla,
];
