import { expect, it } from 'vitest';
import type { Execution, Job, PastRun } from '$lib/api/types';
import { cannotRun, jobAtWork } from './job-state';

const job = { id: 1, name: 'j', enabled: true } as Job;
const past = { id: 5, status: 'failed', warning_count: 0, needs_tape: false } as PastRun;
const running = { id: 6, kind: 'backup', job_id: 1, status: 'running', message: 'writing', warning_count: 0 } as Execution;

it('what runs now counts more than what ran', () => {
	const work = jobAtWork(job, [{ ...running, job_id: 2 }, running], [past]);
	expect(work.state.word).toBe('Running');
	expect(work.doing).toBe('writing');
	expect(cannotRun(work)).toBeDefined();
});

it('a request for a tape is what it waits for', () => {
	const asking = { ...running, tape_change: { message: 'Insert A1' } } as Execution;
	const work = jobAtWork(job, [asking], []);
	expect([work.state.word, work.doing]).toEqual(['Waiting for you', 'Insert A1']);
});

it('nothing runs: how the last one ended, or that it is paused', () => {
	expect(jobAtWork(job, [], [past]).state.word).toBe('Failed');
	expect(jobAtWork(job, [], []).state.word).toBe('Never ran');
	const paused = jobAtWork({ ...job, enabled: false }, [], [past]);
	expect([paused.state.word, cannotRun(paused)]).toEqual(['Paused', undefined]);
});
