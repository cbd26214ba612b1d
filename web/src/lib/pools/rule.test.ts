import { expect, it } from 'vitest';
import { ruleWords } from './rule';

const none = { keep_last: 0, keep_daily: 0, keep_weekly: 0, keep_monthly: 0, keep_yearly: 0 };

it('says a rule in a sentence', () => {
	expect(ruleWords(0, none)).toBe('Every set is kept for ever.');
	expect(ruleWords(1, none)).toBe('Every set is kept for 1 day.');
	expect(ruleWords(30, { ...none, keep_last: 1, keep_monthly: 12 })).toBe(
		'Every set is kept for 30 days; beyond that the last set, one for each of the last 12 months.'
	);
});
