import type { Bar } from '$lib/components/HistoryStrip.svelte';
import { executionState } from '$lib/components/states';
import type { Execution, PastRun } from '$lib/api/types';
import { bytes } from '$lib/format/bytes';
import { exactTime, parseTime } from '$lib/format/time';

/** What a bar shows of a run. */
type Run = Pick<Execution, 'id' | 'status' | 'warning_count' | 'created_at' | 'bytes_processed'> & {
	start_time?: string | null;
	tape_change?: unknown;
};

/** The runs of a job as the bars of its history strip, oldest first. */
export function bars(job: number, recent: Execution[]): Bar[] {
	return recent.filter((run) => run.kind === 'backup' && run.job_id === job).toReversed().map(bar);
}

/** Runs as bars, oldest first; they come newest first. */
export function barsOf(runs: PastRun[]): Bar[] {
	return runs.toReversed().map((run) => bar({ ...run, tape_change: run.needs_tape }));
}

function bar(run: Run): Bar {
	const state = executionState(run);
	const began = parseTime(run.start_time ?? run.created_at);
	const when = began ? exactTime(began) : '';
	return { id: run.id, state, title: `${state.word}, ${when}, ${bytes(run.bytes_processed)}`, href: `/runs/${run.id}` };
}
