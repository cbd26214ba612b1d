import { expect, it } from 'vitest';
import { doneSteps, nameOfPath, nextStep, type House } from './steps';

const nothing: House = { libraries: 0, drives: 0, tapes: 0, sources: [], jobs: [], verified: false };
const never = () => false;

it('leads from one step to the next by what there is', () => {
	expect(nextStep(doneSteps(nothing, undefined), never)).toBe('library');
	const drives = { ...nothing, drives: 2 };
	expect(nextStep(doneSteps(drives, undefined), never)).toBe('pool');
	expect(nextStep(doneSteps(drives, 1), never)).toBe('tapes');
	// Somebody labelled tapes elsewhere: no pool need be chosen.
	expect(nextStep(doneSteps({ ...drives, tapes: 3 }, undefined), never)).toBe('source');
	expect(nextStep(doneSteps({ ...drives, tapes: 3 }, undefined), (step) => step === 'source')).toBe('job');
	expect(nextStep(doneSteps({ ...drives, tapes: 1, sources: [{ id: 1 }], jobs: [{ id: 1 }] }, 1), never)).toBe('run');
	expect(nextStep(doneSteps({ ...drives, tapes: 1, sources: [{ id: 1 }], jobs: [{ id: 1 }], verified: true }, 1), never)).toBeUndefined();
});

it('calls a source by its folder', () => {
	expect(nameOfPath('/srv/photos/')).toBe('Photos');
	expect(nameOfPath('/')).toBe('');
});
