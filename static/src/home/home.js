import { Component, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const REFRESH_MS = 60000;

export class IspHome extends Component {
    static template = "mybizna_isp.Home";
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ home: null });
        onWillStart(() => this.load());
        const timer = setInterval(() => this.load(), REFRESH_MS);
        onWillUnmount(() => clearInterval(timer));
    }

    async load() {
        this.state.home = await this.orm.silent.call("isp.home", "get_home", []);
    }

    async open(key) {
        const action = await this.orm.call("isp.home", "action_open", [key]);
        await this.action.doAction(action);
    }
}

registry.category("actions").add("mybizna_isp.home", IspHome);
