import { describe, expect, it } from 'vitest';
import { bodyOf, formOf, problemsOf, toggled, whatWords, whenWords, whereWords, type Names, type Rule } from './rule';

const names: Names = {
	channels: new Map([[1, 'phone'], [2, 'office']]),
	jobs: new Map([[7, 'mail']]),
	pools: new Map([[3, 'ARCHIVE']]),
	topics: new Map([['tape_required', 'Work waits for a person to bring a tape']])
};
const rule: Rule = {
	id: 1, name: 'trouble', enabled: true, channel_ids: [1, 2], topics: [], min_severity: 'warning', job_ids: [], pool_ids: [], time_zone: 'Europe/Berlin',
	quiet_from: '22:00', quiet_until: '07:00', errors_break_quiet: true, digest_cron: '', reminder_minutes: 0, recovery: true, created_at: '', updated_at: ''
};

describe('the form of a rule', () => {
	it('asks for what it was filled with', () => {
		const { id: _, created_at: _c, updated_at: _u, ...wanted } = rule;
		expect(bodyOf(formOf(rule, 'UTC'))).toEqual(wanted);
	});
	it('clears what is switched off', () => {
		const form = formOf({ ...rule, digest_cron: '0 8 * * *', reminder_minutes: 30 }, 'UTC');
		Object.assign(form, { quiet: false, digest: false, reminder: false });
		expect(bodyOf(form)).toMatchObject({ quiet_from: '', quiet_until: '', digest_cron: '', reminder_minutes: 0 });
	});
	it('begins in the zone of the browser', () => expect(bodyOf(formOf(null, 'Asia/Tokyo')).time_zone).toBe('Asia/Tokyo'));
	it('says what is wrong only of what counts', () => {
		const form = { ...formOf(rule, 'UTC'), quiet_until: '22:00', reminder_minutes: 0 };
		expect(Object.keys(problemsOf(form))).toEqual(['quiet']);
		expect(problemsOf({ ...form, quiet: false, reminder: true }).reminder).toBeDefined();
		expect(problemsOf({ ...form, quiet_until: '25:00' }).quiet).toContain('22:00');
	});
	it('ticks and unticks', () => {
		expect(toggled([1, 2], 2, true)).toEqual([1, 2]);
		expect(toggled([1, 2], 1, false)).toEqual([2]);
	});
});

describe('a rule in words', () => {
	it('says what', () => {
		expect(whatWords(rule, names)).toBe('Warnings and errors');
		expect(whatWords({ ...rule, min_severity: 'info' }, names)).toBe('Everything');
		expect(whatWords({ ...rule, topics: ['tape_required'], job_ids: [7], pool_ids: [3] }, names)).toBe(
			'Warnings and errors among “Work waits for a person to bring a tape”, of job mail, of pool ARCHIVE'
		);
		expect(whatWords({ ...rule, min_severity: 'info', topics: ['a', 'b', 'c', 'd'] }, names)).toBe('4 kinds of events');
	});
	it('says when', () => {
		expect(whenWords(rule)).toBe('At once; quiet from 22:00 to 07:00 but for errors (Europe/Berlin)');
		expect(whenWords({ ...rule, quiet_from: '', digest_cron: '0 8 * * *', errors_break_quiet: false, reminder_minutes: 30 })).toBe(
			'Gathered (0 8 * * *); reminds every 30 minutes (Europe/Berlin)'
		);
		expect(whenWords({ ...rule, quiet_from: '' })).toBe('At once');
	});
	it('says where', () => {
		expect(whereWords(rule, names)).toBe('phone, office');
		expect(whereWords({ channel_ids: [] }, names)).toBe('nowhere yet');
		expect(whereWords({ channel_ids: [1, 2, 3, 4] }, names)).toBe('4 channels');
	});
});
