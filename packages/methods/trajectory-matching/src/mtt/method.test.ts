import { testMethod } from "@limbeck/core/testing";
import { toy, toyConfig } from "../shared/testing/toy-config.ts";
import { mtt } from "./method.ts";

testMethod(mtt, { dataset: toy, config: toyConfig });
