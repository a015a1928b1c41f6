import { registry } from "@web/core/registry";

const choose = (field, text) => [
    {
        trigger: `.modal .o_field_widget[name='${field}'] input`,
        run: `edit ${text}`,
    },
    {
        trigger: `.o-autocomplete--dropdown-menu a:contains('${text}')`,
        run: "click",
    },
];

registry.category("web_tour.tours").add("isp_add_operation", {
    url: "/odoo/isp-operations",
    steps: () => [
        {
            content: "the list offers it",
            trigger: ".o_control_panel button:contains('Add Operation')",
            run: "click",
        },
        {
            content: "money is asked for its journal",
            trigger: ".modal .o_field_widget[name='journal_id']",
        },
        ...choose("connection_id", "tour.operation"),
        {
            content: "the kind is a one-off charge",
            trigger: ".modal .o_field_widget[name='kind'] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_menu .o_select_menu_item:contains('One-off charge')",
            run: "click",
        },
        ...choose("product_id", "Tour Router"),
        {
            trigger: ".modal .o_field_widget[name='amount'] input",
            run: "edit 1500 && press Tab",
        },
        {
            content: "what comes of it stands there before anything is booked",
            trigger: ".modal [name='preview']:contains('200.00'):contains('1,300.00')",
        },
        {
            trigger: ".modal button[name='action_add']",
            run: "click",
        },
        {
            content: "and is said again when it is",
            trigger: ".o_notification:contains('1,300.00')",
        },
        {
            content: "the dialog is closed and the list shows the operation",
            trigger: "body:not(:has(.modal)) .o_list_view .o_data_row:contains('Tour Router')",
        },
    ],
});
