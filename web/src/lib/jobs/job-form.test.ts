import { expect, it } from 'vitest';
import type { Job } from '$lib/api/types';
import { bodyOf, formOf, newForm, problemsOf, ruleOf } from './job-form';

const job = {
	id: 3,
	name: 'nightly',
	source_id: 1,
	pool_id: 2,
	backup_type: 'incremental',
	schedule_cron: '30 1 * * *',
	time_zone: 'Europe/Berlin',
	missed_runs: 'skip',
	retention_days: 0,
	keep_daily: 7,
	database_backup: true,
	enabled: false,
	encryption_key_id: 4,
	compression: 'gzip',
	compression_level: 6,
	verify_after: true
} as Job;

it('a job goes through the form unchanged', () => {
	const body = bodyOf(formOf(job), false);
	expect(body).toMatchObject({
		name: 'nightly',
		source_id: 1,
		pool_id: 2,
		backup_type: 'incremental',
		schedule_cron: '30 1 * * *',
		missed_runs: 'skip',
		retention_days: 0,
		keep_daily: 7,
		keep_last: null,
		compression: 'gzip',
		compression_level: 6,
		verify_after: true,
		enabled: false
	});
	expect(body).not.toHaveProperty('encryption_key_id');
	expect(bodyOf(formOf(job), true).encryption_key_id).toBe(4);
});

it('a job without a rule of its own takes that of its pool', () => {
	const form = newForm('UTC');
	expect(ruleOf(form)).toEqual({ retention_days: 0, keep_last: null, keep_daily: null, keep_weekly: null, keep_monthly: null, keep_yearly: null });
	form.own_rule = true;
	form.keeps.keep_monthly = 12;
	expect(ruleOf(form)).toMatchObject({ retention_days: 30, keep_monthly: 12, keep_last: null });
});

it('says for each step what is missing', () => {
	const form = newForm('UTC');
	expect(Object.keys(problemsOf(form))).toEqual(['source', 'pool']);
	Object.assign(form, { name: 'x', source_id: 1, pool_id: 1, compression_level: 20, own_rule: true, retention_days: 0 });
	expect(Object.keys(problemsOf(form, 'no such day'))).toEqual(['schedule', 'options', 'keep']);
	Object.assign(form, { compression: 'none', retention_days: null });
	expect(problemsOf(form)).toEqual({});
	expect(bodyOf({ ...form, compression_level: 5 }, true).compression_level).toBeNull();
});
