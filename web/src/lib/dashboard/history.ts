import type { Bar } from '$lib/components/HistoryStrip.svelte';
import { executionState } from '$lib/components/states';
import { api, fetched } from '$lib/api/client';
import type { PastRun, Schemas } from '$lib/api/types';
import { bytes } from '$lib/format/bytes';
import { exactTime, parseTime } from '$lib/format/time';

/** The last runs of these jobs: few of however many there are. */
export async function historiesOf(jobs: number[]): Promise<Schemas['JobHistory'][]> {
	const asked = jobs.map((job_id) => fetched(api.GET('/api/v1/jobs/history', { params: { query: { job_id } } })));
	return (await Promise.all(asked)).flat();
}

/** Runs as the bars of a history strip, oldest first; they come newest first. */
export function barsOf(runs: PastRun[]): Bar[] {
	return runs.toReversed().map(bar);
}

function bar(run: PastRun): Bar {
	const state = executionState({ ...run, tape_change: run.needs_tape });
	const began = parseTime(run.start_time ?? run.created_at);
	const when = began ? exactTime(began) : '';
	return { id: run.id, state, title: `${state.word}, ${when}, ${bytes(run.bytes_processed)}`, href: `/runs/${run.id}` };
}
