import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest, until } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	const library = await rest.addLibrary(server.library('library', { capacity: '100M' }), 'Library');
	await rest.labelAll(library, await rest.pool('DAILY'));
	folder(server, 'documents', 40, 2000);
	must(await rest.api.POST('/api/v1/sources', { body: { name: 'Documents', path: server.path('sources', 'documents') } }));
	const key = { name: 'offsite', description: 'for the safe' };
	must(await rest.api.POST('/api/v1/encryption-keys', { body: key }));
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function job(name: string) {
	return must(await rest.api.GET('/api/v1/jobs')).find((one) => one.name === name);
}

it('a job is made step by step, with a schedule that explains itself and a rule that shows what it keeps', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/jobs');
	await tab.page.getByText('No jobs yet').waitFor();
	await tab.page.getByRole('button', { name: 'Create a job' }).last().click();
	const wizard = tab.page.getByRole('dialog');
	const next = wizard.getByRole('button', { name: 'Next' });
	await wizard.getByRole('radio', { name: /Documents/ }).check();
	expect(await wizard.getByLabel('Name of the job').inputValue()).toBe('Documents');
	await wizard.getByLabel('Name of the job').fill('Nightly');
	expect(await tab.accessibilityProblems()).toEqual([]);
	await next.click();
	expect(await next.getAttribute('aria-disabled')).toBe('true');
	await wizard.getByRole('radio', { name: /DAILY/ }).check();
	await next.click();

	await wizard.getByText('It runs when somebody starts it.').waitFor();
	await wizard.getByRole('button', { name: 'Weekday nights' }).click();
	const words = wizard.getByRole('region', { name: 'The schedule in words' });
	await words.getByText('Every weekday at 01:30 (Europe/Berlin)').waitFor();
	expect(await words.getByRole('listitem').count()).toBe(5);
	await wizard.getByLabel(/^Schedule/).fill('0 25 * * *');
	await wizard.getByText(/invalid cron expression/i).first().waitFor();
	expect(await next.getAttribute('aria-disabled')).toBe('true');
	await wizard.getByLabel(/^Schedule/).fill('15 4 * * SAT');
	await words.getByText(/every Saturday at 04:15/i).waitFor();
	await wizard.getByLabel('Time zone').fill('Nowhere/City');
	await wizard.getByText(/Nowhere\/City/).first().waitFor();
	await wizard.getByLabel('Time zone').fill('America/New_York');
	await words.getByText(/America\/New_York/).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await next.click();

	await wizard.getByLabel('Compression').selectOption('gzip');
	await wizard.getByLabel(/^Level/).fill('12');
	await wizard.getByText('The level is a whole number from 1 to 9.').waitFor();
	await wizard.getByLabel(/^Level/).fill('4');
	await wizard.getByLabel(/Encrypt by the server/).selectOption({ label: 'with offsite' });
	await wizard.getByLabel(/Read everything back/).check();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await next.click();

	await wizard.getByRole('radio', { name: /A rule of its own/ }).check();
	await wizard.getByLabel(/Keep every set for days/).fill('60');
	await wizard.getByLabel('monthly').fill('6');
	const keeps = wizard.getByRole('region', { name: 'What this rule keeps' });
	await keeps.getByText(/The rule: 60 days, .*monthly 6|The rule: 60 days, monthly 6/).waitFor();
	await keeps.getByText(/In the long run 1[0-9] sets are kept/).waitFor();
	await keeps.getByText('Why each of them is kept').click();
	await keeps.getByRole('listitem').filter({ hasText: /the newest of 20\d\d-\d\d/ }).first().waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await next.click();

	await wizard.getByText(/Full, every Saturday at 04:15/).waitFor();
	await wizard.getByText(/gzip, level 4; encrypted by the server with offsite; read back/).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await wizard.getByRole('button', { name: 'Create job' }).click();
	await tab.page.getByRole('heading', { name: 'Nightly', level: 1 }).waitFor();
	expect(await job('Nightly')).toMatchObject({
		schedule_cron: '15 4 * * SAT',
		time_zone: 'America/New_York',
		compression: 'gzip',
		compression_level: 4,
		encryption_enabled: true,
		verify_after: true,
		retention_days: 60,
		keep_monthly: 6,
		keep_last: null
	});
	await tab.page.getByRole('main').getByText(/Every Saturday at 04:15/).first().waitFor();
	await tab.page.getByRole('main').getByText('Never ran').waitFor();
	await tab.settled();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.close();
});

it('a job runs from its page; the run is in its history, with the set and why that tape', async () => {
	const known = await job('Nightly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(`/jobs/${known?.id}`);
	await tab.page.getByText('The next run goes to').waitFor();
	await tab.page.getByRole('button', { name: 'Run now' }).click();
	const strip = tab.page.getByRole('list', { name: 'Last runs of Nightly' });
	const bar = strip.getByRole('link', { name: /^Completed/ });
	await bar.waitFor({ timeout: 60_000 });
	expect(await bar.getAttribute('href')).toMatch(/^\/runs\/\d+$/);
	await tab.page.getByRole('table', { name: 'Backup sets of Nightly' }).getByText('full').waitFor();
	await tab.page.getByRole('main').getByText('Completed', { exact: true }).first().waitFor();

	// Once more as an increment, from the list: the chain shows what it builds on.
	await tab.page.getByRole('button', { name: 'Actions', exact: true }).click();
	await tab.page.getByRole('menuitem', { name: 'Run with options' }).click();
	const panel = tab.page.getByRole('dialog');
	await panel.getByText('The next run goes to').waitFor();
	await panel.getByLabel('What it writes').selectOption('incremental');
	await panel.getByRole('button', { name: 'Run', exact: true }).click();
	await panel.waitFor({ state: 'detached' });
	await tab.page.getByRole('table', { name: 'Backup sets of Nightly' }).getByText(/incremental, on set \d+/).waitFor({ timeout: 60_000 });
	await expect.poll(() => strip.getByRole('link', { name: /^Completed/ }).count(), { timeout: 60_000 }).toBe(2);
	await tab.close();
});

it('what a shorter rule would let go is said before it is saved', async () => {
	const known = await job('Nightly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(`/jobs/${known?.id}`);
	await tab.page.getByRole('button', { name: 'Edit' }).click();
	const wizard = tab.page.getByRole('dialog', { name: 'Edit job Nightly' });
	await wizard.getByRole('button', { name: /^\D*\d?Keep/ }).first().click();
	await wizard.getByText(/Of the sets this job has, 2 are kept now and 2 would be/).waitFor();
	await wizard.getByRole('button', { name: /Options/ }).first().click();
	await wizard.getByText('It cannot be changed on a job that is there').waitFor();
	await wizard.getByRole('button', { name: /Schedule/ }).first().click();
	await wizard.getByRole('button', { name: 'Only by hand' }).click();
	await wizard.getByRole('button', { name: 'Save' }).click();
	await wizard.waitFor({ state: 'detached' });
	await tab.page.getByText('It has no schedule').waitFor();
	expect(await job('Nightly')).toMatchObject({ schedule_cron: '', encryption_enabled: true, retention_days: 60 });
	await tab.close();
});

it('a job is copied, paused, steered while it waits for a tape, and deleted', async () => {
	const monthly = await rest.pool('MONTHLY');
	const tape = must(await rest.api.GET('/api/v1/tapes')).at(-1);
	must(await rest.api.POST('/api/v1/tapes/batch-update', { body: { tape_ids: [tape?.id ?? 0], pool_id: monthly } }));
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/jobs');
	const menu = async (name: string, entry: string) => {
		await tab.page.getByRole('button', { name: `Actions for ${name}`, exact: true }).click();
		await tab.page.getByRole('menuitem', { name: entry, exact: true }).click();
	};
	await menu('Nightly', 'Copy');
	const wizard = tab.page.getByRole('dialog', { name: 'Copy job Nightly' });
	await wizard.getByRole('button', { name: /Pool/ }).first().click();
	await wizard.getByRole('radio', { name: /MONTHLY/ }).check();
	await wizard.getByRole('button', { name: 'Skip to summary' }).click();
	await wizard.getByRole('button', { name: 'Create job' }).click();
	await tab.page.getByRole('heading', { name: 'Copy of Nightly', level: 1 }).waitFor();
	expect(await job('Copy of Nightly')).toMatchObject({ pool_id: monthly, encryption_enabled: true });

	// Its only tape is taken to the shelf: the run asks for it, and the list says what it waits for.
	server.toShelf('library', tape?.barcode ?? '');
	const library = must(await rest.api.GET('/api/v1/libraries'))[0]?.id ?? 0;
	must(await rest.api.POST('/api/v1/libraries/{id}/inventory', { params: { path: { id: library }, query: { wait: true } } }));
	await tab.goto('/jobs');
	await tab.page.getByRole('button', { name: 'Run Copy of Nightly now' }).click();
	const row = tab.page.getByRole('row', { name: /Copy of Nightly/ });
	await row.getByText('Waiting for you', { exact: true }).waitFor({ timeout: 60_000 });
	await row.getByText(new RegExp(tape?.label ?? '-')).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await row.getByRole('link', { name: 'Copy of Nightly', exact: true }).click();
	await tab.page.getByRole('button', { name: 'Answer its request' }).or(tab.page.getByRole('link', { name: 'Answer its request' })).waitFor();
	await tab.page.getByRole('button', { name: 'Cancel the run' }).click();
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
	await tab.page.getByRole('list', { name: 'Last runs of Copy of Nightly' }).getByRole('link', { name: /^Cancelled/ }).waitFor({ timeout: 60_000 });

	await tab.page.getByRole('button', { name: 'Actions', exact: true }).click();
	await tab.page.getByRole('menuitem', { name: 'Pause its schedule' }).click();
	await tab.page.getByRole('main').getByText('Paused', { exact: true }).waitFor();
	expect((await job('Copy of Nightly'))?.enabled).toBe(false);
	await tab.page.getByRole('button', { name: 'Actions', exact: true }).click();
	await tab.page.getByRole('menuitem', { name: 'Delete' }).click();
	const confirm = tab.page.getByRole('dialog');
	await confirm.getByText('No set of it is kept').waitFor();
	await confirm.getByRole('textbox').fill('Copy of Nightly');
	await confirm.getByRole('button', { name: 'Delete' }).click();
	await tab.page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
	expect(await job('Copy of Nightly')).toBeUndefined();
	await tab.close();
});

it('a job with sets that are kept is deleted only by who was told', async () => {
	const known = await job('Nightly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(`/jobs/${known?.id}`);
	await tab.page.getByRole('button', { name: 'Actions', exact: true }).click();
	await tab.page.getByRole('menuitem', { name: 'Delete' }).click();
	const confirm = tab.page.getByRole('dialog');
	await confirm.getByText('2 backup sets that the rules keep').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await confirm.getByRole('button', { name: 'Cancel' }).click();
	expect(await job('Nightly')).toBeDefined();
	await tab.close();
});

it('a failed run is seen on a phone, and started again', async () => {
	const { rmSync } = await import('node:fs');
	const daily = await rest.pool('DAILY');
	const failing = await rest.job('Fragile', folder(server, 'fragile', 2, 100), daily);
	rmSync(server.path('sources', 'fragile'), { recursive: true });
	const run = await rest.run(failing);
	await until('the failure', async () => ((await rest.execution(run)).status === 'failed' ? true : undefined));
	folder(server, 'fragile', 2, 100);
	const tab = await Tab.open(browser, server, PHONE);
	await tab.logIn(ADMIN);
	await tab.goto('/jobs?state=failed');
	const wide = () => tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	expect(await wide()).toBeLessThanOrEqual(0);
	await tab.page.getByRole('link', { name: 'Fragile' }).click();
	await tab.page.getByText('The last run failed').waitFor();
	expect(await wide()).toBeLessThanOrEqual(0);
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.page.getByRole('button', { name: /Retry|Go on where it stopped/ }).click();
	await tab.page.getByRole('list', { name: 'Last runs of Fragile' }).getByRole('link', { name: /^Completed/ }).waitFor({ timeout: 60_000 });
	await tab.page.getByRole('button', { name: 'Edit' }).click();
	await tab.page.getByRole('dialog').getByText('Pool DAILY').waitFor();
	expect(await wide()).toBeLessThanOrEqual(0);
	await tab.close();
});

it('the wizard makes the source and the pool that it lacks, and stays open', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/jobs');
	await tab.page.getByRole('button', { name: 'Create a job' }).first().click();
	const wizard = tab.page.getByRole('dialog', { name: 'Create a job' });
	await wizard.getByRole('button', { name: 'Create a source' }).click();
	const source = tab.page.getByRole('dialog', { name: 'Create a source' });
	await source.getByLabel('Folder', { exact: true }).fill(server.path('sources'));
	await tab.page.keyboard.press('Escape');
	await source.waitFor({ state: 'detached' });
	await wizard.getByRole('button', { name: 'Create a source' }).click();
	await source.getByLabel('Folder', { exact: true }).fill(server.path('sources'));
	expect(await source.getByLabel('Name', { exact: true }).inputValue()).toBe('sources');
	await source.getByRole('button', { name: 'Create source' }).click();
	await wizard.getByRole('radio', { name: /^sources/, checked: true }).waitFor();
	expect(await wizard.getByLabel('Name of the job').inputValue()).toBe('sources');
	await wizard.getByRole('button', { name: 'Next' }).click();
	await wizard.getByRole('button', { name: 'Create a pool' }).click();
	const pool = tab.page.getByRole('dialog', { name: 'Create a pool' });
	await pool.getByLabel('Name', { exact: true }).fill('Bank');
	await pool.getByRole('button', { name: 'Create pool' }).click();
	await wizard.getByRole('radio', { name: /^Bank/, checked: true }).waitFor();
	await wizard.getByRole('button', { name: 'Skip to summary' }).click();
	await wizard.getByRole('button', { name: 'Create job' }).click();
	await tab.page.getByRole('heading', { name: 'sources', level: 1 }).waitFor();
	expect(await job('sources')).toMatchObject({ pool_name: 'Bank', schedule_cron: '' });
	await tab.close();
});

it('what a reader may not do is disabled and says why', async () => {
	const login = await rest.user('readonly');
	const known = await job('Nightly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(login);
	await tab.goto('/jobs?new=1');
	for (const name of [/^Create a job/, /^Run Nightly now/]) {
		const button = tab.page.getByRole('button', { name });
		expect(await button.getAttribute('aria-disabled')).toBe('true');
		expect(await button.getAttribute('title')).toContain('operator');
	}
	expect(await tab.page.getByRole('dialog').count()).toBe(0);
	await tab.goto(`/jobs/${known?.id}`);
	expect(await tab.page.getByRole('button', { name: /^Run now/ }).getAttribute('aria-disabled')).toBe('true');
	await tab.page.getByRole('button', { name: 'Actions', exact: true }).click();
	expect(await tab.page.getByRole('menuitem', { name: /^Delete/ }).getAttribute('aria-disabled')).toBe('true');
	await tab.close();
});
