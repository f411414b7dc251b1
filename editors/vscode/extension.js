// Starts `gen-conv lsp` for .conv files, and stops it with the window. The colours need none of this.

const vscode = require("vscode");

let client;

async function activate() {
  let LanguageClient;
  try {
    ({ LanguageClient } = require("vscode-languageclient/node"));
  } catch {
    vscode.window.showWarningMessage("gen-conv: colours only; run `npm install` in the extension's folder for the rest");
    return;
  }
  const command = vscode.workspace.getConfiguration("gen-conv").get("command");
  client = new LanguageClient(
    "gen-conv",
    "gen-conv",
    { command, args: ["lsp"] },
    { documentSelector: [{ language: "conv" }] }
  );
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(
      `gen-conv: cannot start \`${command} lsp\` (pip install 'gen-conv[lsp]', or set gen-conv.command): ${error.message}`
    );
  }
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
