import type { Bar } from '$lib/components/HistoryStrip.svelte';
import { executionState } from '$lib/components/states';
import type { Execution } from '$lib/api/types';
import { bytes } from '$lib/format/bytes';
import { exactTime, parseTime } from '$lib/format/time';

/** The runs of a job as the bars of its history strip, oldest first. */
export function bars(job: number, recent: Execution[]): Bar[] {
	return recent
		.filter((run) => run.kind === 'backup' && run.job_id === job)
		.toReversed()
		.map((run) => {
			const state = executionState(run);
			const began = parseTime(run.start_time ?? run.created_at);
			const when = began ? exactTime(began) : '';
			return { id: run.id, state, title: `${state.word}, ${when}, ${bytes(run.bytes_processed)}`, href: `/runs/${run.id}` };
		});
}
