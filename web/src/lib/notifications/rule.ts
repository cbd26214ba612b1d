import type { Schemas } from '$lib/api/types';
import { counted } from '$lib/format/bytes';

export type Rule = Schemas['RuleListed'];
export type Topic = Schemas['Topic'];
export type Weight = Schemas['Weight'];

/** A rule as it is typed. */
export interface RuleForm {
	name: string;
	enabled: boolean;
	channel_ids: number[];
	/** Empty: all. */
	topics: string[];
	min_severity: Weight;
	job_ids: number[];
	pool_ids: number[];
	time_zone: string;
	quiet: boolean;
	quiet_from: string;
	quiet_until: string;
	errors_break_quiet: boolean;
	digest: boolean;
	digest_cron: string;
	reminder: boolean;
	reminder_minutes: number;
	recovery: boolean;
}

export const WEIGHTS: [Weight, string][] = [
	['info', 'Everything'],
	['warning', 'Warnings and errors'],
	['error', 'Only errors']
];

/** The form for a rule; for a new one what most people want: what needs a hand, at once. */
export function formOf(rule: Rule | null, zone: string): RuleForm {
	return {
		name: rule?.name ?? '',
		enabled: rule?.enabled ?? true,
		channel_ids: [...(rule?.channel_ids ?? [])],
		topics: [...(rule?.topics ?? [])],
		min_severity: rule?.min_severity ?? 'warning',
		job_ids: [...(rule?.job_ids ?? [])],
		pool_ids: [...(rule?.pool_ids ?? [])],
		time_zone: rule?.time_zone ?? zone,
		quiet: (rule?.quiet_from ?? '') !== '',
		quiet_from: rule?.quiet_from || '22:00',
		quiet_until: rule?.quiet_until || '07:00',
		errors_break_quiet: rule?.errors_break_quiet ?? true,
		digest: (rule?.digest_cron ?? '') !== '',
		digest_cron: rule?.digest_cron || '0 8 * * *',
		reminder: (rule?.reminder_minutes ?? 0) > 0,
		reminder_minutes: rule?.reminder_minutes || 30,
		recovery: rule?.recovery ?? true
	};
}

/** What the form asks the server for. */
export function bodyOf(form: RuleForm): Schemas['RuleRequest'] {
	return {
		name: form.name.trim(),
		enabled: form.enabled,
		channel_ids: form.channel_ids,
		topics: form.topics,
		min_severity: form.min_severity,
		job_ids: form.job_ids,
		pool_ids: form.pool_ids,
		time_zone: form.time_zone.trim(),
		quiet_from: form.quiet ? form.quiet_from : '',
		quiet_until: form.quiet ? form.quiet_until : '',
		errors_break_quiet: form.errors_break_quiet,
		digest_cron: form.digest ? form.digest_cron.trim() : '',
		reminder_minutes: form.reminder ? form.reminder_minutes : 0,
		recovery: form.recovery
	};
}

/** What is wrong, by field; nothing for what is only missing. */
export function problemsOf(form: RuleForm): { quiet?: string; reminder?: string } {
	const time = /^([01]\d|2[0-3]):[0-5]\d$/;
	const problems: { quiet?: string; reminder?: string } = {};
	if (form.quiet && !(time.test(form.quiet_from) && time.test(form.quiet_until))) problems.quiet = 'Two times of day such as 22:00.';
	else if (form.quiet && form.quiet_from === form.quiet_until) problems.quiet = 'From and until are the same: that would be no time at all.';
	const minutes = form.reminder_minutes;
	if (form.reminder && !(Number.isInteger(minutes) && minutes >= 1 && minutes <= 10_080)) problems.reminder = 'Between 1 minute and a week (10080).';
	return problems;
}

export interface Names {
	channels: ReadonlyMap<number, string>;
	jobs: ReadonlyMap<number, string>;
	pools: ReadonlyMap<number, string>;
	topics: ReadonlyMap<string, string>;
}

const FEW = 3;

function named<K>(keys: readonly K[], names: ReadonlyMap<K, string>, many: string): string {
	if (keys.length > FEW) return counted(keys.length, many);
	return keys.map((key) => names.get(key) ?? String(key)).join(', ');
}

/** What a rule sends, in words. */
export function whatWords(rule: Pick<Rule, 'topics' | 'min_severity' | 'job_ids' | 'pool_ids'>, names: Names): string {
	const quality = { info: '', warning: 'warnings and errors', error: 'errors' }[rule.min_severity];
	const topics = rule.topics.length > FEW ? `${rule.topics.length} kinds of events` : rule.topics.map((word) => `“${names.topics.get(word) ?? word}”`).join(', ');
	let words = topics ? (quality ? `${quality} among ${topics}` : topics) : quality || 'everything';
	if (rule.job_ids.length > 0) words += `, of ${rule.job_ids.length === 1 ? 'job' : 'jobs'} ${named(rule.job_ids, names.jobs, 'job')}`;
	if (rule.pool_ids.length > 0) words += `, of ${rule.pool_ids.length === 1 ? 'pool' : 'pools'} ${named(rule.pool_ids, names.pools, 'pool')}`;
	return words.charAt(0).toUpperCase() + words.slice(1);
}

/** When a rule sends, in words; `digest`: how the server reads the times of its digest. */
export function whenWords(rule: Pick<Rule, 'quiet_from' | 'quiet_until' | 'errors_break_quiet' | 'digest_cron' | 'reminder_minutes' | 'time_zone'>): string {
	const parts: string[] = [];
	if (rule.digest_cron) parts.push(`gathered (${rule.digest_cron})${rule.errors_break_quiet ? ', errors at once' : ''}`);
	else parts.push('at once');
	if (rule.quiet_from) parts.push(`quiet from ${rule.quiet_from} to ${rule.quiet_until}${rule.errors_break_quiet && !rule.digest_cron ? ' but for errors' : ''}`);
	if (rule.reminder_minutes > 0) parts.push(`reminds every ${counted(rule.reminder_minutes, 'minute')}`);
	const words = parts.join('; ');
	const zone = rule.digest_cron || rule.quiet_from ? ` (${rule.time_zone})` : '';
	return words.charAt(0).toUpperCase() + words.slice(1) + zone;
}

/** Channels by name. */
export function whereWords(rule: Pick<Rule, 'channel_ids'>, names: Names): string {
	return rule.channel_ids.length === 0 ? 'nowhere yet' : named(rule.channel_ids, names.channels, 'channel');
}

/** With one more or one less. */
export function toggled<T>(list: readonly T[], one: T, on: boolean): T[] {
	const without = list.filter((other) => other !== one);
	return on ? [...without, one] : without;
}
