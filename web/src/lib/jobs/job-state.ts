import Circle from '@lucide/svelte/icons/circle';
import type { Execution, Job, PastRun } from '$lib/api/types';
import { ENABLED_STATES, executionState, type State } from '$lib/components/states';

/** A job with what it does now and what it did. */
export interface JobAtWork {
	job: Job;
	/** The run that has not ended. */
	active: Execution | undefined;
	/** Its runs, newest first. */
	runs: PastRun[];
	state: State;
	/** What it is doing or waiting for; empty when it does nothing. */
	doing: string;
}

const NEVER: State = { tone: 'idle', icon: Circle, word: 'Never ran' };

/** Lays what runs now and what ran over a job. */
export function jobAtWork(job: Job, executions: Execution[], runs: PastRun[]): JobAtWork {
	const active = executions.find((run) => run.kind === 'backup' && run.job_id === job.id);
	return { job, active, runs, state: stateOf(job, active, runs[0]), doing: active ? waitsFor(active) : '' };
}

function stateOf(job: Job, active: Execution | undefined, last: PastRun | undefined): State {
	if (active) return executionState(active);
	if (!job.enabled) return { ...ENABLED_STATES.off, word: 'Paused' };
	return last ? executionState({ ...last, tape_change: last.needs_tape }) : NEVER;
}

/** What a run is doing or waiting for, in one line. */
export function waitsFor(run: Execution): string {
	if (run.tape_change) return run.tape_change.message;
	if (run.status === 'paused') return 'Paused by hand: resume it to go on.';
	if (run.status === 'pending') return run.message || 'Waits for a drive that is free.';
	return run.message || run.phase;
}

/** Why a job cannot be run now; nothing if it can. */
export function cannotRun(work: JobAtWork): string | undefined {
	return work.active ? 'It is running, or waits to.' : undefined;
}
