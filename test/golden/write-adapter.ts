/** Writes lora/adapter/ for make-lora.py: node scripts/run-ts.mjs test/golden/write-adapter.ts */
import { describeModel } from '../../main/engine/runtime/model.ts';
import { writeExampleAdapter } from '../fixtures/example-adapter.ts';

await writeExampleAdapter(await describeModel('test/golden/models/gqa'), 'test/golden/lora/adapter');
