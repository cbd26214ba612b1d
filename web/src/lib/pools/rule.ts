import { counted } from '$lib/format/bytes';

export type KeepKey = 'keep_last' | 'keep_daily' | 'keep_weekly' | 'keep_monthly' | 'keep_yearly';
export type Keeps = Record<KeepKey, number>;

/** What can be kept beyond the days, and the words beside its field. */
export const KEEPS: readonly (readonly [KeepKey, string])[] = [
	['keep_last', 'last sets'],
	['keep_daily', 'daily'],
	['keep_weekly', 'weekly'],
	['keep_monthly', 'monthly'],
	['keep_yearly', 'yearly']
];

const NOUNS: Record<KeepKey, [string, string]> = {
	keep_last: ['the last set', 'the last # sets'],
	keep_daily: ['one for the last day', 'one for each of the last # days'],
	keep_weekly: ['one for the last week', 'one for each of the last # weeks'],
	keep_monthly: ['one for the last month', 'one for each of the last # months'],
	keep_yearly: ['one for the last year', 'one for each of the last # years']
};

/** A rule of retention as a sentence. */
export function ruleWords(days: number, keeps: Keeps): string {
	if (days === 0) return 'Every set is kept for ever.';
	const more = KEEPS.filter(([key]) => keeps[key] > 0).map(([key]) => {
		const [one, many] = NOUNS[key];
		return keeps[key] === 1 ? one : many.replace('#', String(keeps[key]));
	});
	const base = `Every set is kept for ${counted(days, 'day')}`;
	return more.length === 0 ? `${base}.` : `${base}; beyond that ${more.join(', ')}.`;
}
