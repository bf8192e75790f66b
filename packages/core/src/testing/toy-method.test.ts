import { testMethod } from "./test-method.ts";
import { toyMethod } from "./toy-method.ts";

testMethod(toyMethod, { config: { ipc: 2, iterations: 12 } });
