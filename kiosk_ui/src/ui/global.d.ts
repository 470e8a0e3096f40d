/** Types of the components that `staff/elements.ts` registers. */
import type * as Elements from "element-plus";

declare module "vue" {
  export interface GlobalComponents {
    ElButton: typeof Elements.ElButton;
    ElCheckbox: typeof Elements.ElCheckbox;
    ElConfigProvider: typeof Elements.ElConfigProvider;
    ElDatePicker: typeof Elements.ElDatePicker;
    ElDialog: typeof Elements.ElDialog;
    ElDrawer: typeof Elements.ElDrawer;
    ElForm: typeof Elements.ElForm;
    ElFormItem: typeof Elements.ElFormItem;
    ElInput: typeof Elements.ElInput;
    ElInputNumber: typeof Elements.ElInputNumber;
    ElOption: typeof Elements.ElOption;
    ElSelect: typeof Elements.ElSelect;
    ElTable: typeof Elements.ElTable;
    ElTableColumn: typeof Elements.ElTableColumn;
    ElTabPane: typeof Elements.ElTabPane;
    ElTabs: typeof Elements.ElTabs;
  }
}

export {};
