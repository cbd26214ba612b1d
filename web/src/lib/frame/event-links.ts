import type { StoredEvent } from '$lib/api/types';

/** The page of the object an event is about; none if it names none. */
export function eventHref(event: Pick<StoredEvent, 'category' | 'details'>): string | undefined {
	const id = (name: string): number | undefined => {
		const value = (event.details as Record<string, unknown> | null | undefined)?.[name];
		return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
	};
	const execution = id('execution_id');
	if (execution !== undefined) return `/runs/${execution}`;
	const tape = id('tape_id');
	if (tape !== undefined) return `/tapes/${tape}`;
	const drive = id('drive_id');
	if (drive !== undefined) return `/drives/${drive}`;
	const job = id('job_id');
	if (job !== undefined) return `/jobs/${job}`;
	const source = id('source_id');
	if (source !== undefined) return `/sources/${source}`;
	return undefined;
}
