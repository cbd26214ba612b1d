export interface RunQuestion {
	status: string;
	kind: string;
	job: string;
	drive: string;
	/** A word of `TIMES`. */
	time: string;
}

/** How far back, in hours. */
const HOURS: Record<string, number> = { day: 24, week: 7 * 24, month: 30 * 24, year: 365 * 24 };
export const TIMES: [string, string][] = [
	['', 'Any time'],
	['day', 'Last 24 hours'],
	['week', 'Last 7 days'],
	['month', 'Last 30 days'],
	['year', 'Last year']
];

/** The beginning of a span of time; none for any time. */
export function since(time: string, now: Date): string | undefined {
	const hours = HOURS[time];
	return hours === undefined ? undefined : new Date(now.getTime() - hours * 3_600_000).toISOString();
}

/** What is asked of the server; what is not a number is not asked for. */
export function runQuery(wanted: RunQuestion, now: Date) {
	const from = since(wanted.time, now);
	const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : undefined);
	const [job, drive] = [number(wanted.job), number(wanted.drive)];
	return {
		...(wanted.status ? { status: wanted.status } : {}),
		...(wanted.kind ? { kind: wanted.kind } : {}),
		...(job !== undefined ? { job_id: job } : {}),
		...(drive !== undefined ? { drive_id: drive } : {}),
		...(from !== undefined ? { since: from } : {})
	};
}
