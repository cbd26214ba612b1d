import { execFileSync } from 'node:child_process';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest, until } from './support/rest';
import { busyHouse, folder, type House } from './support/seed';
import { ADMIN, program, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;
let house: House;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	house = await busyHouse(server, rest);
}, 240_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

it('a run is watched: progress, throughput, what it wrote and why', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(`/runs/${house.running}`);
	await tab.page.getByRole('heading', { name: 'Backup of job Films', level: 1 }).waitFor();
	await tab.page.getByRole('progressbar', { name: 'Progress of the run' }).waitFor();
	const chart = tab.page.getByRole('img', { name: /^Throughput: / });
	await chart.waitFor();
	// It is drawn, and it goes on.
	await expect.poll(() => chart.locator('canvas').count()).toBe(1);
	const points = async () => must(await rest.api.GET('/api/v1/executions/{id}/throughput', { params: { path: { id: house.running } } })).ends.length;
	const before = await points();
	await until('more points', async () => ((await points()) > before + 2 ? true : undefined));
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.page.getByRole('button', { name: 'Pause' }).click();
	await tab.page.getByRole('button', { name: 'Go on' }).waitFor();
	expect((await rest.execution(house.running)).status).toBe('paused');
	// A pause shorter than a point of the series is none.
	const series = async () => must(await rest.api.GET('/api/v1/executions/{id}/throughput', { params: { path: { id: house.running } } }));
	const waited = async () => (await series()).waited_seconds.reduce((sum, seconds) => sum + seconds, 0);
	await until('the pause in the series', async () => ((await waited()) > 0 ? true : undefined));
	await tab.page.getByRole('button', { name: 'Go on' }).click();
	const ended = await rest.done(house.running);
	await tab.page.getByText('Completed', { exact: true }).waitFor();
	await tab.page.getByRole('table', { name: 'Tapes written' }).waitFor();
	await tab.page.getByRole('table', { name: 'Stages' }).waitFor();
	await tab.page.getByText('Limited by:').waitFor();
	await tab.page.getByText("tapebackarr run Films").waitFor();
	expect((await series()).content_bytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(ended.bytes_processed);
	expect(await waited()).toBeGreaterThan(0);
	await tab.close();
}, 180_000);

it('a log is read on as it grows, not again from its beginning with every news of its run', async () => {
	const films = must(await rest.api.GET('/api/v1/jobs')).find((job) => job.name === 'Films');
	const running = await rest.run(films?.id ?? 0);
	await until('the stream', async () => ((await rest.execution(running)).phase === 'streaming' ? true : undefined));
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	const asked: string[] = [];
	tab.page.on('request', (request) => {
		const { pathname, searchParams } = new URL(request.url());
		if (pathname === `/api/v1/executions/${running}/logs`) asked.push(searchParams.get('after') ?? '');
	});
	await tab.goto(`/runs/${running}`);
	await tab.page.getByRole('log').waitFor();
	// Percents are told when the totals are known, bytes from the beginning.
	const bytes = async () => (await rest.execution(running)).bytes_processed;
	for (let news = 0; news < 3; news += 1) {
		const before = await bytes();
		await until('progress', async () => ((await bytes()) > before ? true : undefined));
	}
	expect(asked.filter((after) => after === '0').length).toBe(1);
	must(await rest.api.POST('/api/v1/executions/{id}/cancel', { params: { path: { id: running } } }));
	await tab.close();
}, 120_000);

it('runs are filtered, and the address keeps it', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/runs');
	const rows = tab.page.getByRole('table', { name: 'Runs' }).locator('tbody tr.row');
	const all = must(await rest.api.GET('/api/v1/executions', { params: { query: { limit: 1000 } } })).length;
	await tab.page.getByText(`${all} runs`).waitFor();
	await tab.page.getByRole('combobox', { name: 'State' }).selectOption('failed');
	await tab.page.getByText('1 run', { exact: true }).waitFor();
	await expect.poll(() => rows.first().textContent()).toContain('Old projects');
	await tab.page.reload();
	await tab.page.getByText('1 run', { exact: true }).waitFor();
	await tab.page.getByRole('combobox', { name: 'Kind' }).selectOption('restore');
	await tab.page.getByText('No run fits').waitFor();
	await tab.page.getByRole('button', { name: 'Clear filters' }).first().click();
	await tab.page.getByRole('combobox', { name: 'Job' }).selectOption({ label: 'Mail' });
	await tab.page.getByText('2 runs').waitFor();
	expect(new URL(tab.page.url()).searchParams.get('job')).toBeTruthy();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await rows.first().getByRole('link').first().click();
	await expect.poll(() => new URL(tab.page.url()).pathname).toMatch(/^\/runs\/\d+$/);
	await tab.close();
});

it('a run that failed says why, what to do, and how to do it again', async () => {
	const failed = must(await rest.api.GET('/api/v1/executions', { params: { query: { status: 'failed' } } }))[0];
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	// From the first page.
	await tab.goto('/');
	await tab.page.getByRole('region', { name: 'Needs attention' }).getByRole('link', { name: /Old projects failed/ }).click();
	await expect.poll(() => new URL(tab.page.url()).pathname).toBe(`/runs/${failed?.id}`);
	const why = tab.page.getByRole('region', { name: 'Why it failed' });
	await why.getByText('Check the path of the source').waitFor();
	await why.getByText("tapebackarr run 'Old projects'").waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.page.getByRole('button', { name: 'Run again' }).click();
	await expect.poll(() => new URL(tab.page.url()).pathname).not.toBe(`/runs/${failed?.id}`);
	await tab.page.getByText('Failed', { exact: true }).first().waitFor();
	// The job has run, whatever became of it.
	const jobs = must(await rest.api.GET('/api/v1/jobs'));
	expect(jobs.find((job) => job.name === 'Old projects')?.last_run_at).toBeTruthy();
	await tab.close();
});

it('a reader sees everything and can steer nothing', async () => {
	const login = await rest.user('readonly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(login);
	await tab.goto(`/runs/${house.waiting}`);
	const cancel = tab.page.getByRole('button', { name: /^Cancel/ });
	expect(await cancel.getAttribute('aria-disabled')).toBe('true');
	await tab.page.getByRole('button', { name: /waiting/ }).click();
	const put = tab.page.getByRole('dialog').getByRole('button', { name: /^I have put it in/ });
	expect(await put.getAttribute('aria-disabled')).toBe('true');
	await tab.close();
});

it('a drive that a person feeds asks for a second tape, which is brought with a phone in the hand', async () => {
	const hands = await TestServer.start();
	try {
		const desk = await Rest.setUp(hands);
		const library = hands.library('shelf', { drives: 1, slots: 0, cartridges: 0 });
		const move = (cartridge: string, to: string) => execFileSync(program(), ['virtual', 'move', library, cartridge, '--to', to]);
		const [first, wrong, second] = ['H00001L9', 'H00002L9', 'H00003L9'];
		const drive = must(await desk.api.POST('/api/v1/drives', { body: { device_path: `virtual:${library}#drive0`, display_name: 'Desk' } })).id;
		const [daily, weekly] = [await desk.pool('DAILY'), await desk.pool('WEEKLY')];
		const eject = async () => must(await desk.api.POST('/api/v1/drives/{id}/eject', { params: { path: { id: drive }, query: { wait: true } } }));
		for (const [label, pool] of [[first, daily], [wrong, weekly], [second, daily]] as const) {
			execFileSync(program(), ['virtual', 'add', library, label, '--capacity', '60M', '--to', 'drive:0']);
			const body = { label, barcode: label, pool_id: pool, write_label: true, drive_id: drive };
			must(await desk.api.POST('/api/v1/tapes', { params: { query: { wait: true } }, body }));
			await eject();
			move(label, 'shelf');
		}
		move(first, 'drive:0');
		const job = await desk.job('Letters', folder(hands, 'letters', 90, 1_000_000), daily);
		const run = await desk.run(job);
		await until('the second tape to be asked for', async () => ((await desk.execution(run)).tape_change?.reason === 'tape_full' ? true : undefined));

		const tab = await Tab.open(browser, hands, PHONE);
		await tab.logIn(ADMIN);
		await tab.goto('/pools');
		await tab.page.getByRole('button', { name: /waiting/ }).click();
		const panel = tab.page.getByRole('dialog');
		await panel.getByRole('heading', { name: /Bring tape H00003L9/ }).waitFor();
		await panel.getByText('on the shelf').waitFor();
		await panel.getByText('Letters').first().waitFor();
		await panel.getByText('Waiting for', { exact: true }).waitFor();
		expect(await tab.accessibilityProblems()).toEqual([]);

		// Said to be done, and it is not.
		await panel.getByRole('button', { name: 'I have put it in' }).click();
		await panel.getByRole('alert').getByText('It was said to be done, but').waitFor();
		// The wrong one.
		move(first, 'shelf');
		move(wrong, 'drive:0');
		await panel.getByRole('alert').getByText(wrong).waitFor();
		await panel.getByText(`holds ${wrong}`).waitFor();
		await panel.getByRole('button', { name: 'Eject' }).click();
		// The right one, as soon as the drive lets go of the wrong one.
		await until('the wrong tape to come out', async () => {
			try {
				move(wrong, 'shelf');
				return true;
			} catch {
				return undefined;
			}
		});
		move(second, 'drive:0');
		await panel.getByLabel('The tape you have put in').selectOption({ label: `${second} (blank)` }).catch(() => undefined);
		const put = panel.getByRole('button', { name: 'I have put it in' });
		// It may have been noticed before it was said.
		if ((await put.count()) > 0) await put.click({ timeout: 2000 }).catch(() => undefined);
		await panel.getByText(`Tape ${second} is there`).waitFor();
		await panel.getByRole('button', { name: 'Close' }).last().click();
		await desk.done(run);
		await expect.poll(() => tab.page.getByRole('button', { name: /waiting/ }).count()).toBe(0);
		await tab.goto(`/runs/${run}`);
		const written = tab.page.getByRole('table', { name: 'Tapes written' });
		await written.getByRole('link', { name: first }).waitFor();
		await written.getByRole('link', { name: second }).waitFor();
		await tab.page.getByText(`Tape ${first} is full`).first().waitFor();
		await tab.close();
	} finally {
		await hands.stop();
	}
}, 180_000);
