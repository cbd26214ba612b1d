import type { Job, Schemas } from '$lib/api/types';
import { KEEPS, type KeepKey } from '$lib/pools/rule';

/** A job as it is being put together. */
export interface JobForm {
	name: string;
	source_id: number | null;
	pool_id: number | null;
	backup_type: Schemas['BackupType'];
	/** Empty: only by hand. */
	schedule_cron: string;
	time_zone: string;
	missed_runs: Schemas['MissedRuns'];
	enabled: boolean;
	/** Whether it has a rule of its own; else its pool's counts. */
	own_rule: boolean;
	retention_days: number | null;
	/** Nothing: as the pool says. */
	keeps: Record<KeepKey, number | null>;
	compression: Schemas['Compression'];
	compression_level: number | null;
	encryption_key_id: number | null;
	hw_encryption_key_id: number | null;
	verify_after: boolean;
	database_backup: boolean;
}

/** The steps of the wizard, in their order. */
export const STEPS = ['source', 'pool', 'schedule', 'options', 'keep', 'summary'] as const;
export type Step = (typeof STEPS)[number];

export const STEP_TITLES: Record<Step, string> = {
	source: 'Source',
	pool: 'Pool',
	schedule: 'Schedule',
	options: 'Options',
	keep: 'Keep',
	summary: 'Summary'
};

const NO_KEEPS: Record<KeepKey, number | null> = {
	keep_last: null,
	keep_daily: null,
	keep_weekly: null,
	keep_monthly: null,
	keep_yearly: null
};

/** A job that does what most want. */
export function newForm(timeZone: string): JobForm {
	return {
		name: '',
		source_id: null,
		pool_id: null,
		backup_type: 'full',
		schedule_cron: '',
		time_zone: timeZone,
		missed_runs: 'run',
		enabled: true,
		own_rule: false,
		retention_days: 30,
		keeps: { ...NO_KEEPS },
		compression: 'zstd',
		compression_level: null,
		encryption_key_id: null,
		hw_encryption_key_id: null,
		verify_after: false,
		database_backup: false
	};
}

export function formOf(job: Job): JobForm {
	const keeps = { ...NO_KEEPS };
	for (const [key] of KEEPS) keeps[key] = job[key] ?? null;
	const own_rule = job.retention_days > 0 || KEEPS.some(([key]) => keeps[key] !== null);
	return {
		name: job.name,
		source_id: job.source_id,
		pool_id: job.pool_id,
		backup_type: job.backup_type,
		schedule_cron: job.schedule_cron,
		time_zone: job.time_zone,
		missed_runs: job.missed_runs,
		enabled: job.enabled,
		own_rule,
		// 0 of a job means the days of its pool.
		retention_days: job.retention_days || (own_rule ? null : 30),
		keeps,
		compression: job.compression,
		compression_level: job.compression_level ?? null,
		encryption_key_id: job.encryption_key_id ?? null,
		hw_encryption_key_id: job.hw_encryption_key_id ?? null,
		verify_after: job.verify_after,
		database_backup: job.database_backup
	};
}

/** The rule of retention alone, as the server wants it. */
export function ruleOf(form: JobForm): Pick<Schemas['JobRequest'], 'retention_days' | KeepKey> {
	return form.own_rule ? { retention_days: form.retention_days ?? 0, ...form.keeps } : { retention_days: 0, ...NO_KEEPS };
}

/** What is sent to make a job, or to change one: keys can only be given when it is made. */
export function bodyOf(form: JobForm, making: boolean): Schemas['JobRequest'] {
	const body: Schemas['JobRequest'] = {
		name: form.name.trim(),
		backup_type: form.backup_type,
		schedule_cron: form.schedule_cron.trim(),
		time_zone: form.time_zone.trim(),
		missed_runs: form.missed_runs,
		enabled: form.enabled,
		...ruleOf(form),
		compression: form.compression,
		compression_level: mostLevel(form.compression) > 0 ? form.compression_level : null,
		verify_after: form.verify_after,
		database_backup: form.database_backup
	};
	if (form.source_id !== null) body.source_id = form.source_id;
	if (form.pool_id !== null) body.pool_id = form.pool_id;
	if (making && form.encryption_key_id !== null) body.encryption_key_id = form.encryption_key_id;
	if (making && form.hw_encryption_key_id !== null) body.hw_encryption_key_id = form.hw_encryption_key_id;
	return body;
}

/** The hardest level of a method; 0: it has none. */
export function mostLevel(method: Schemas['Compression']): number {
	return method === 'gzip' ? 9 : method === 'zstd' ? 19 : 0;
}

const METHODS: Record<Schemas['Compression'], string> = {
	none: 'not compressed',
	lto: 'compressed by the drive',
	gzip: 'gzip',
	zstd: 'zstd'
};

export function compressionWords(method: Schemas['Compression'], level: number | null | undefined): string {
	return level && mostLevel(method) > 0 ? `${METHODS[method]}, level ${level}` : METHODS[method];
}

function whole(value: number | null, least: number, most: number): boolean {
	return value === null || (Number.isInteger(value) && value >= least && value <= most);
}

/** What is missing or wrong in each step; what only the server knows (the schedule) is told by `schedule`. */
export function problemsOf(form: JobForm, schedule?: string): Partial<Record<Step, string>> {
	const problems: Partial<Record<Step, string>> = {};
	if (form.source_id === null) problems.source = 'Choose what is backed up.';
	else if (form.name.trim() === '') problems.source = 'The job needs a name.';
	if (form.pool_id === null) problems.pool = 'Choose where it goes.';
	if (schedule) problems.schedule = schedule;
	const most = mostLevel(form.compression);
	if (most > 0 && !whole(form.compression_level, 1, most)) problems.options = `The level is a whole number from 1 to ${most}.`;
	if (form.own_rule) {
		if (!whole(form.retention_days, 1, 36_500)) problems.keep = 'Days are a whole number from 1 to 36500.';
		else if (KEEPS.some(([key]) => !whole(form.keeps[key], 0, 10_000))) problems.keep = 'How many sets are kept is a whole number from 0 to 10000.';
	}
	return problems;
}
