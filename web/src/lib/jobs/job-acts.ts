import { api, fetched } from '$lib/api/client';
import type { Job, Schemas } from '$lib/api/types';
import { attempt, toasts } from '$lib/state/toasts.svelte';

type Steer = 'pause' | 'resume' | 'cancel';

function params(job: Job) {
	return { path: { id: job.id } };
}

/** Starts a job; throws when it cannot be started. */
export async function start(job: Job, body: Schemas['RunJobBody']): Promise<void> {
	const started = await fetched(api.POST('/api/v1/jobs/{id}/run', { params: params(job), body }));
	toasts.good(`${job.name} has begun`, started.message, `/runs/${started.execution_id}`);
}

/** Starts a job as it is. */
export function runNow(job: Job): Promise<boolean> {
	return attempt(`${job.name} was not started`, () => start(job, {}));
}

/** Runs a job again whose last run failed; where that stopped, if it can go on. */
export function retry(job: Job, fromScratch = false): Promise<boolean> {
	return attempt(`${job.name} was not started again`, async () => {
		const body = { from_scratch: fromScratch };
		const started = await fetched(api.POST('/api/v1/jobs/{id}/retry', { params: params(job), body }));
		toasts.good(`${job.name} runs again`, started.message, `/runs/${started.execution_id}`);
	});
}

const STEER: Record<Steer, (job: Job) => Promise<unknown>> = {
	pause: (job) => api.POST('/api/v1/jobs/{id}/pause', { params: params(job) }),
	resume: (job) => api.POST('/api/v1/jobs/{id}/resume', { params: params(job) }),
	cancel: (job) => api.POST('/api/v1/jobs/{id}/cancel', { params: params(job) })
};
const SAID: Record<Steer, [string, string]> = {
	pause: ['pauses at the next safe place', 'was not paused'],
	resume: ['goes on', 'does not go on'],
	cancel: ['ends at the next safe place', 'was not cancelled']
};

/** Steers the run of a job that has not ended. */
export async function steer(job: Job, what: Steer): Promise<void> {
	const [good, bad] = SAID[what];
	if (await attempt(`${job.name} ${bad}`, () => STEER[what](job))) toasts.good(`${job.name} ${good}`);
}

/** Lets the schedule count, or not. */
export async function setEnabled(job: Job, enabled: boolean): Promise<boolean> {
	return attempt('Not changed', async () => {
		await api.PUT('/api/v1/jobs/{id}', { params: params(job), body: { enabled } });
		toasts.good(enabled ? `${job.name} is switched on` : `${job.name} is paused`, enabled ? '' : 'Its schedule does not count until it is switched on.');
	});
}
