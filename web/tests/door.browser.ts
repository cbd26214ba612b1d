import { createHmac } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
	server = await TestServer.start();
	browser = await openBrowser();
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

describe('the door, in the order of a first day', () => {
	it('asks for the set-up token and makes the first administrator', async () => {
		const tab = await Tab.open(browser, server);
		await tab.page.goto('/tapes?q=A00');
		await tab.page.getByRole('heading', { name: 'Welcome' }).waitFor();
		expect(await tab.accessibilityProblems()).toEqual([]);

		await tab.page.getByLabel('Set-up token').fill('not the token');
		await tab.page.getByLabel('User name').fill(ADMIN.username);
		await tab.page.getByLabel('Password').fill('short');
		await tab.page.getByText('At least 8 characters.').waitFor();
		await tab.page.getByLabel('Password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Set up' }).click();
		await tab.page.getByRole('alert').waitFor();

		await tab.page.getByLabel('Set-up token').fill(server.setUpToken);
		await tab.page.getByRole('button', { name: 'Set up' }).click();
		await tab.page.getByRole('heading', { name: 'Tapes', level: 1 }).waitFor();
		expect(tab.page.url()).toContain('/tapes?q=A00');
		await tab.close();
	});

	it('refuses a wrong password, says so, and leads back after the right one', async () => {
		const tab = await Tab.open(browser, server, PHONE);
		await tab.page.goto('/pools');
		await tab.page.getByLabel('User name').fill(ADMIN.username);
		await tab.page.getByLabel('Password').fill('wrong password');
		await tab.page.getByRole('button', { name: 'Log in' }).click();
		await tab.page.getByRole('alert').getByText('Invalid credentials').waitFor();
		await tab.page.getByLabel('Password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Log in' }).click();
		await tab.page.getByRole('heading', { name: 'Pools', level: 1 }).waitFor();
		await tab.close();
	});

	it('notices a login that has ended, and goes on where one was', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		await tab.goto('/drives');
		const token = await tab.token();
		const headers = { authorization: `Bearer ${token}` };
		await fetch(`${server.url}/api/v1/auth/logout`, { method: 'POST', headers });
		await tab.page.reload();
		await tab.page.getByText('Your login has ended').waitFor();
		await tab.page.getByLabel('User name').fill(ADMIN.username);
		await tab.page.getByLabel('Password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Log in' }).click();
		await tab.page.getByRole('heading', { name: 'Drives', level: 1 }).waitFor();
		await tab.close();
	});

	it('keeps the login where no script and no other site can have it', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		const token = await tab.token();
		const [cookie] = await tab.page.context().cookies(`${server.url}/api`);
		expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/api' });
		const seen = await tab.page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]));
		expect(seen).not.toContain(token);
		const asked = (headers: Record<string, string>, method = 'GET') =>
			fetch(`${server.url}/api/v1/auth/sessions`, { method, headers: { cookie: `${cookie?.name}=${token}`, ...headers } });
		expect((await asked({})).status).toBe(200);
		expect((await asked({ origin: 'https://evil.example' })).status).toBe(403);
		const logOut = (headers: Record<string, string>) =>
			fetch(`${server.url}/api/v1/auth/logout`, { method: 'POST', headers: { cookie: `${cookie?.name}=${token}`, ...headers } });
		expect((await logOut({})).status).toBe(403);
		await tab.close();
	});

	it('lists the logins, and ends one', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		const other = await fetch(`${server.url}/api/v1/auth/login`, {
			method: 'POST',
			headers: { 'user-agent': 'tapebackarr/0.1.0' },
			body: JSON.stringify(ADMIN)
		});
		const { token } = (await other.json()) as { token: string };
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByRole('menuitem', { name: 'Logins' }).click();
		const panel = tab.page.getByRole('dialog', { name: 'Your logins' });
		await panel.getByText('this one').waitFor();
		await panel.getByRole('button', { name: 'End the login of Command line' }).click();
		await tab.page.getByText('Login ended').first().waitFor();
		await panel.getByText('Command line', { exact: true }).waitFor({ state: 'detached' });
		const asked = await fetch(`${server.url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } });
		expect(asked.status).toBe(401);
		expect(await tab.accessibilityProblems()).toEqual([]);
		await tab.close();
	});

	it('lets one out, and changes the password', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByRole('menuitem', { name: 'Change password' }).click();
		await tab.page.getByLabel('Present password').fill('not this one');
		await tab.page.getByLabel('New password', { exact: true }).fill('another password');
		await tab.page.getByLabel('New password again').fill('another password');
		await tab.page.getByRole('button', { name: 'Change password' }).click();
		// A wrong password is no reason to be logged out.
		await tab.page.getByRole('dialog').getByRole('alert').waitFor();
		await tab.page.getByLabel('Present password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Change password' }).click();
		await tab.page.getByText('All other logins have ended').waitFor();
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByRole('menuitem', { name: 'Log out' }).click();
		await tab.page.getByRole('heading', { name: 'Log in' }).waitFor();
		await tab.close();
	});

	it('sets up a second factor, asks for its code, and switches it off', async () => {
		const tab = await Tab.open(browser, server);
		const login = { ...ADMIN, password: 'another password' };
		await tab.logIn(login);
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByRole('menuitem', { name: 'Second factor' }).click();
		const panel = tab.page.getByRole('dialog', { name: 'Second factor' });
		await panel.getByLabel('Your password').fill(login.password);
		await panel.getByRole('button', { name: 'Go on' }).click();
		await panel.getByAltText('QR code with the secret').waitFor();
		const secret = (await panel.locator('.secret').innerText()).replaceAll(' ', '');
		expect(await tab.accessibilityProblems()).toEqual([]);
		await panel.getByLabel('Code that the app shows now').fill('000000');
		await panel.getByRole('button', { name: 'Switch it on' }).click();
		await panel.getByRole('alert').waitFor();
		await panel.getByLabel('Code that the app shows now').fill(code(secret, 0));
		await panel.getByRole('button', { name: 'Switch it on' }).click();
		const list = panel.getByRole('list', { name: 'Recovery codes' });
		await list.waitFor();
		const recovery = await list.getByRole('listitem').allInnerTexts();
		expect(recovery).toHaveLength(10);
		expect(await tab.accessibilityProblems()).toEqual([]);
		await panel.getByRole('button', { name: 'I have kept them' }).click();
		await panel.waitFor({ state: 'detached' });
		await tab.close();

		const phone = await Tab.open(browser, server, PHONE);
		await phone.page.goto('/pools');
		await phone.page.getByLabel('User name').fill(login.username);
		await phone.page.getByLabel('Password').fill(login.password);
		await phone.page.getByRole('button', { name: 'Log in' }).click();
		await phone.page.getByLabel('Code').fill('000000');
		await phone.page.getByRole('button', { name: 'Log in', exact: true }).click();
		await phone.page.getByRole('alert').waitFor();
		expect(await phone.accessibilityProblems()).toEqual([]);
		// All wrong guesses of this file came from this address, so the server may want some seconds to pass.
		const pools = phone.page.getByRole('heading', { name: 'Pools', level: 1 });
		const tooSoon = phone.page.getByRole('alert').getByText('try again in');
		for (let tries = 0; tries < 5 && !(await pools.isVisible()); tries++) {
			if (tries > 0) await phone.page.waitForTimeout(3000);
			// The code of this half minute was taken when it was set up.
			await phone.page.getByLabel('Code').fill(code(secret, 1));
			await phone.page.getByRole('button', { name: 'Log in', exact: true }).click();
			await pools.or(tooSoon).first().waitFor();
		}
		await pools.waitFor();

		await phone.page.getByRole('button', { name: 'Account and theme' }).click();
		await phone.page.getByRole('menuitem', { name: 'Second factor' }).click();
		await phone.page.getByText('You have 10 recovery codes left').waitFor();
		await phone.page.getByLabel('Your password').fill(login.password);
		await phone.page.getByLabel('Code of the app').fill(recovery[0] ?? '');
		await phone.page.getByRole('button', { name: 'Switch it off' }).click();
		await phone.page.getByText('Second factor switched off').first().waitFor();
		await phone.close();
	});
});

/** What an app shows that has this secret: now, or so many half minutes later (RFC 6238). */
function code(secret: string, later: number): string {
	const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
	const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
	const step = Buffer.alloc(8);
	step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
	const mac = createHmac('sha1', key).update(step).digest();
	const offset = (mac.at(-1) ?? 0) & 15;
	return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
