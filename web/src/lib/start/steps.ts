export type StepId = 'library' | 'pool' | 'tapes' | 'source' | 'job' | 'run';

/** The way to a first verified tape. */
export const STEPS: readonly (readonly [StepId, string])[] = [
	['library', 'Library'],
	['pool', 'Pool'],
	['tapes', 'Tapes'],
	['source', 'Source'],
	['job', 'Job'],
	['run', 'First run']
];

/** What is there already. */
export interface House {
	libraries: number;
	drives: number;
	tapes: number;
	sources: readonly { id: number }[];
	jobs: readonly { id: number }[];
	/** A set that was read back and compared. */
	verified: boolean;
}

/** Which steps are done: by what there is, wherever it was made. */
export function doneSteps(house: House, pool: number | undefined): Set<StepId> {
	const done = new Set<StepId>();
	if (house.drives > 0) done.add('library');
	if (pool !== undefined || house.tapes > 0) done.add('pool');
	if (house.tapes > 0) done.add('tapes');
	if (house.sources.length > 0) done.add('source');
	if (house.jobs.length > 0) done.add('job');
	if (house.verified) done.add('run');
	return done;
}

/** The first step that is neither done nor skipped; none: the way is gone. */
export function nextStep(done: Set<StepId>, skipped: (step: StepId) => boolean): StepId | undefined {
	return STEPS.find(([id]) => !done.has(id) && !skipped(id))?.[0];
}

/** The last part of a path: what a source is called unless somebody says otherwise. */
export function nameOfPath(path: string): string {
	const part = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
	return part === '' ? '' : part.charAt(0).toUpperCase() + part.slice(1);
}
