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
});
